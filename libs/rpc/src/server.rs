//! Server side: the frame around a process's gRPC services.

use std::path::Path;

use tokio::net::{TcpListener, UnixListener};
use tokio_stream::wrappers::UnixListenerStream;
pub use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use vterrors::{Condition, Error, Result};

use crate::codes::CodeLayer;

/// The routes that every server has (health, reflection of all of Vitess's packages); add services to it.
pub async fn routes() -> Result<Routes> {
    let (reporter, health) = tonic_health::server::health_reporter();
    // The empty name stands for the server as a whole.
    reporter.set_service_status("", tonic_health::ServingStatus::Serving).await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .build_v1()
        .map_err(|e| Error::internal(format!("gRPC reflection: {e}")))?;
    Ok(Routes::new(health).add_service(reflection))
}

/// Serves until `shutdown` is ready, then lets running calls end.
pub async fn serve(listener: TcpListener, routes: Routes, shutdown: impl Future<Output = ()>) -> Result<()> {
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    builder()
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, shutdown)
        .await
        .map_err(|e| Error::internal(format!("gRPC server: {e}")))
}

/// The same on a Unix socket at `path`, which is made anew; only its owner can connect.
pub async fn serve_unix(path: &Path, routes: Routes, shutdown: impl Future<Output = ()>) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let fault = |what: &str, e: std::io::Error| {
        Error::new(Condition::FailedPrecondition, format!("{what} {}: {e}", path.display()))
    };
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(fault("cannot replace socket", e)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(|e| fault("cannot listen on", e))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .map_err(|e| fault("cannot restrict", e))?;
    builder()
        .add_routes(routes)
        .serve_with_incoming_shutdown(UnixListenerStream::new(listener), shutdown)
        .await
        .map_err(|e| Error::internal(format!("gRPC server on {}: {e}", path.display())))
}

fn builder() -> tonic::transport::Server<tower::layer::util::Stack<CodeLayer, tower::layer::util::Identity>> {
    tonic::transport::Server::builder()
        .initial_stream_window_size(crate::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(crate::CONNECTION_WINDOW_BYTES)
        .tcp_nodelay(true)
        .layer(CodeLayer::server())
}
