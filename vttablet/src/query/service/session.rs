//! Begin, commit, rollback; reserve and release; and the calls that combine them with a query.
//!
//! The combined calls answer in-band: an id that was given out must reach the caller even when the query
//! that came with it failed.

use proto::{
    query::{
        BeginExecuteRequest, BeginExecuteResponse, BeginRequest, BeginResponse, BoundQuery, CommitRequest,
        ExecuteOptions, QueryResult, ReleaseRequest, ReserveBeginExecuteRequest, ReserveBeginExecuteResponse,
        ReserveExecuteRequest, ReserveExecuteResponse, RollbackRequest,
    },
    topodata::TabletType,
    vtrpc::RpcError,
};
use tokio::time::Instant;
use vterrors::{Error, Result};

use super::{
    QueryService,
    execute::{session_id, translate},
};
use crate::{
    query::{
        observe::{Asked, Asker, Observed, Rows, asker},
        tx::{BeginArguments, Begun},
    },
    state::Admitted,
};

impl QueryService {
    pub async fn begin(&self, request: &BeginRequest) -> Result<BeginResponse> {
        let admitted = self.serving.admit(request.target.as_ref(), false)?;
        let observed = self.observer.observe(|| asker!("Begin", request));
        let begun = self.open_transaction(&admitted, 0, request.options.as_ref(), &[]).await;
        self.tell(observed, &begun);
        let begun = begun?;
        Ok(BeginResponse {
            transaction_id: begun.id,
            tablet_alias: Some(self.alias.clone()),
            session_state_changes: begun.session_state_changes,
        })
    }

    /// The new id of a connection that stays reserved, or 0.
    pub async fn commit(&self, request: &CommitRequest) -> Result<i64> {
        let _admitted = self.serving.admit(request.target.as_ref(), true)?;
        let observed = self
            .observer
            .observe(|| Asker { transaction_id: request.transaction_id, ..asker!("Commit", request) });
        let result = self.tx.commit(request.transaction_id).await.map_err(translate);
        self.tell(observed, &result);
        result
    }

    /// Of a call without a query.
    fn tell<T>(&self, observed: Option<Box<Observed>>, result: &Result<T>) {
        if let Some(observed) = observed {
            observed.finish(&self.observer, None, Rows::default(), result);
        }
    }

    /// As [`QueryService::commit`].
    pub async fn rollback(&self, request: &RollbackRequest) -> Result<i64> {
        let _admitted = self.serving.admit(request.target.as_ref(), true)?;
        let observed = self
            .observer
            .observe(|| Asker { transaction_id: request.transaction_id, ..asker!("Rollback", request) });
        let result = self.tx.rollback(request.transaction_id).await;
        self.tell(observed, &result);
        result
    }

    pub async fn release(&self, request: &ReleaseRequest) -> Result<()> {
        let _admitted = self.serving.admit(request.target.as_ref(), true)?;
        match session_id(request.transaction_id, request.reserved_id)? {
            0 => Err(Error::invalid("Release: neither a transaction_id nor a reserved_id")),
            id => self.tx.release(id).await,
        }
    }

    /// On the reserved connection `reserved_id`, or on one of the pool when it is 0.
    pub(super) async fn open_transaction(
        &self,
        admitted: &Admitted,
        reserved_id: i64,
        options: Option<&ExecuteOptions>,
        pre_queries: &[String],
    ) -> Result<Begun> {
        let read_only = admitted.tablet_type != TabletType::Primary;
        let arguments = BeginArguments { options, pre_queries, read_only };
        match reserved_id {
            0 => self.tx.begin(&arguments).await,
            id => self.tx.begin_on(id, &arguments).await,
        }
    }

    pub async fn begin_execute(&self, request: &BeginExecuteRequest) -> Result<BeginExecuteResponse> {
        let admitted = self.serving.admit(request.target.as_ref(), request.reserved_id != 0)?;
        let options = request.options.as_ref();
        let observed = self.observer.observe(|| asker!("BeginExecute", request));
        let begun =
            self.open_transaction(&admitted, request.reserved_id, options, &request.pre_queries).await?;
        let (result, error) = self.in_band(request.query.as_ref(), begun.id, options, observed).await;
        Ok(BeginExecuteResponse {
            error,
            result,
            transaction_id: begun.id,
            tablet_alias: Some(self.alias.clone()),
            session_state_changes: begun.session_state_changes,
        })
    }

    pub async fn reserve_execute(&self, request: &ReserveExecuteRequest) -> Result<ReserveExecuteResponse> {
        let _admitted = self.serving.admit(request.target.as_ref(), request.transaction_id != 0)?;
        let options = request.options.as_ref();
        let observed = self.observer.observe(|| asker!("ReserveExecute", request));
        let id = self.tx.reserve(request.transaction_id, &request.pre_queries, options).await?;
        let (result, error) = self.in_band(request.query.as_ref(), id, options, observed).await;
        Ok(ReserveExecuteResponse { error, result, reserved_id: id, tablet_alias: Some(self.alias.clone()) })
    }

    pub async fn reserve_begin_execute(
        &self,
        request: &ReserveBeginExecuteRequest,
    ) -> Result<ReserveBeginExecuteResponse> {
        let admitted = self.serving.admit(request.target.as_ref(), false)?;
        let options = request.options.as_ref();
        let observed = self.observer.observe(|| asker!("ReserveBeginExecute", request));
        let begun =
            self.reserve_begin(&admitted, options, &request.pre_queries, &request.post_begin_queries).await?;
        let (result, error) = self.in_band(request.query.as_ref(), begun.id, options, observed).await;
        Ok(ReserveBeginExecuteResponse {
            error,
            result,
            transaction_id: begun.id,
            reserved_id: begun.id,
            tablet_alias: Some(self.alias.clone()),
            session_state_changes: begun.session_state_changes,
        })
    }

    /// A reserved connection with an open transaction; nothing is left behind when one of the steps fails.
    pub(super) async fn reserve_begin(
        &self,
        admitted: &Admitted,
        options: Option<&ExecuteOptions>,
        pre_queries: &[String],
        post_begin_queries: &[String],
    ) -> Result<Begun> {
        let id = self.tx.reserve(0, pre_queries, options).await?;
        let opened = async {
            let begun = self.open_transaction(admitted, id, options, &[]).await?;
            let mut held = self.tx.hold(id, "for queries after begin")?;
            for sql in post_begin_queries {
                held.conn().execute(sql).await?;
            }
            Ok(begun)
        };
        let result = opened.await;
        if result.is_err() {
            // The error that is told is the first one.
            let _ = self.tx.release(id).await;
        }
        result
    }

    async fn in_band(
        &self,
        query: Option<&BoundQuery>,
        id: i64,
        options: Option<&ExecuteOptions>,
        observed: Option<Box<Observed>>,
    ) -> (Option<QueryResult>, Option<RpcError>) {
        let Some(query) = query.filter(|q| !q.sql.is_empty()) else { return (None, None) };
        let started = Instant::now();
        if let Some(observed) = &observed {
            observed.begun(id);
        }
        let asked = Asked { query, options, observed: observed.as_deref() };
        let result = self.run(asked, id).await.map_err(translate);
        self.counts.done(started, result.as_ref().map_or(0, |r| r.rows.len()), &result);
        if let Some(observed) = observed {
            observed.finish(&self.observer, Some(query), (&result).into(), &result);
        }
        match result {
            Ok(result) => (Some(result), None),
            Err(e) => (None, Some(e.into())),
        }
    }
}
