//! Vitess's wire vocabulary: one module a package, generated from `proto/*.proto` at build time.
//!
//! Messages only by default, so that pure crates stay free of the network; the feature `services`
//! adds the gRPC clients and servers.

// Generated code; its shape is not ours to style.
#![allow(clippy::all, clippy::unwrap_used, missing_docs)]

/// The descriptors of every package as an encoded `FileDescriptorSet`: for JSON, reflection and tests.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

pub mod binlogdata {
    include!(concat!(env!("OUT_DIR"), "/binlogdata.rs"));
}
#[cfg(feature = "services")]
pub mod binlogservice {
    include!(concat!(env!("OUT_DIR"), "/binlogservice.rs"));
}
pub mod logutil {
    include!(concat!(env!("OUT_DIR"), "/logutil.rs"));
}
pub mod mysqlctl {
    include!(concat!(env!("OUT_DIR"), "/mysqlctl.rs"));
}
pub mod query {
    include!(concat!(env!("OUT_DIR"), "/query.rs"));
}
#[cfg(feature = "services")]
pub mod queryservice {
    include!(concat!(env!("OUT_DIR"), "/queryservice.rs"));
}
pub mod replicationdata {
    include!(concat!(env!("OUT_DIR"), "/replicationdata.rs"));
}
pub mod tableacl {
    include!(concat!(env!("OUT_DIR"), "/tableacl.rs"));
}
pub mod tabletmanagerdata {
    include!(concat!(env!("OUT_DIR"), "/tabletmanagerdata.rs"));
}
#[cfg(feature = "services")]
pub mod tabletmanagerservice {
    include!(concat!(env!("OUT_DIR"), "/tabletmanagerservice.rs"));
}
pub mod throttlerdata {
    include!(concat!(env!("OUT_DIR"), "/throttlerdata.rs"));
}
#[cfg(feature = "services")]
pub mod throttlerservice {
    include!(concat!(env!("OUT_DIR"), "/throttlerservice.rs"));
}
pub mod topodata {
    include!(concat!(env!("OUT_DIR"), "/topodata.rs"));
}
pub mod vschema {
    include!(concat!(env!("OUT_DIR"), "/vschema.rs"));
}
pub mod vtctldata {
    include!(concat!(env!("OUT_DIR"), "/vtctldata.rs"));
}
#[cfg(feature = "services")]
pub mod vtctlservice {
    include!(concat!(env!("OUT_DIR"), "/vtctlservice.rs"));
}
pub mod vtgate {
    include!(concat!(env!("OUT_DIR"), "/vtgate.rs"));
}
#[cfg(feature = "services")]
pub mod vtgateservice {
    include!(concat!(env!("OUT_DIR"), "/vtgateservice.rs"));
}
pub mod vtorcdata {
    include!(concat!(env!("OUT_DIR"), "/vtorcdata.rs"));
}
pub mod vtrpc {
    include!(concat!(env!("OUT_DIR"), "/vtrpc.rs"));
}
pub mod vttest {
    include!(concat!(env!("OUT_DIR"), "/vttest.rs"));
}
pub mod vttime {
    include!(concat!(env!("OUT_DIR"), "/vttime.rs"));
}
