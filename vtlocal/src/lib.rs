//! A whole cluster on one machine: etcd, vtctld, a mysqld with its mysqlctld and a vttablet per tablet, vtorc, vtgate.
//!
//! What is to run is decided first, as data ([`spec::ClusterSpec`] -> [`plan::Plan`]), and then done in one
//! place ([`up`], [`down`]). The processes are real, each with its own log below the data directory, in
//! sessions of their own: they live on when this program ends. They are recorded with pid and start time
//! ([`state::State`]), and nothing is signalled that does not match both.
//!
//! What must hold: `up` on a running cluster changes nothing; an `up` that fails leaves nothing running that
//! it started; `down` keeps the data.

pub mod down;
pub mod options;
pub mod plan;
pub mod sample;
pub mod spec;
pub mod sql;
pub mod state;
pub mod status;
pub mod supervise;
pub mod tls;
pub mod up;
