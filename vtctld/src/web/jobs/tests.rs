use std::time::Duration;

use super::*;

fn jobs() -> Jobs {
    Jobs::new(&Context::new("test"))
}

async fn ended(jobs: &Jobs, id: u64) -> JobView {
    let seen = async {
        loop {
            let view = jobs.show(id, 0).unwrap();
            if view.state != State::Running {
                return view;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), seen).await.expect("the job ends")
}

#[tokio::test]
async fn a_job_has_its_log_its_answer_and_its_error() {
    let jobs = jobs();
    let work: Work = Box::pin(async {
        tracing::warn!(tablet = "zone1-1", "a step");
        Ok(Value::from(7))
    });
    let id = jobs.begin("SetWritable", "ada", Value::Null, work).unwrap();
    let view = ended(&jobs, id).await;
    assert_eq!((view.state, view.answer, view.who.as_str()), (State::Done, Some(Value::from(7)), "ada"));
    let log: Vec<_> = view.log.unwrap().into_iter().map(|l| format!("{} {}", l.level, l.text)).collect();
    assert_eq!(
        log,
        [
            "info SetWritable begins, asked for by ada",
            "warning a step tablet=\"zone1-1\"",
            "info SetWritable done"
        ]
    );
    assert_eq!(jobs.show(id, 2).unwrap().log.unwrap().len(), 1);

    let work: Work = Box::pin(async { Err(Error::invalid("no such thing")) });
    let failed = ended(&jobs, jobs.begin("SetWritable", "ada", Value::Null, work).unwrap()).await;
    assert_eq!((failed.state, failed.error.as_deref()), (State::Failed, Some("no such thing")));
    assert!(jobs.list().iter().all(|job| job.log.is_none()));
}

#[tokio::test]
async fn jobs_and_their_lines_are_bounded() {
    let jobs = jobs();
    let endless = || -> Work { Box::pin(std::future::pending()) };
    for _ in 0..MAX_RUNNING {
        jobs.begin("Validate", "ada", Value::Null, endless()).unwrap();
    }
    let refused = jobs.begin("Validate", "ada", Value::Null, endless()).unwrap_err();
    assert!(refused.to_string().contains("operations run already"), "{refused}");

    let jobs = super::tests::jobs();
    let work: Work = Box::pin(async {
        (0..MAX_LINES + 10).for_each(|n| tracing::info!("line {n}"));
        Ok(Value::Null)
    });
    let talker = ended(&jobs, jobs.begin("Validate", "ada", Value::Null, work).unwrap()).await;
    assert_eq!((talker.log_lines, talker.lines_left_out), (MAX_LINES, 12));
    for _ in 0..KEPT {
        let id = jobs.begin("Validate", "ada", Value::Null, Box::pin(async { Ok(Value::Null) })).unwrap();
        ended(&jobs, id).await;
    }
    assert_eq!(jobs.list().len(), KEPT);
    assert!(jobs.show(talker.id, 0).is_none());
}
