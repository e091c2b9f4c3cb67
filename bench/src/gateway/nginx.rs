//! nginx as a plain reverse proxy: one worker, kept connections, no access log.

use std::net::SocketAddr;
use std::path::Path;

use tokio::process::Command;

use super::server::Server;

pub(super) async fn start(
    program: &Path,
    folder: &Path,
    upstream: SocketAddr,
) -> anyhow::Result<Server> {
    let folder = folder.join("nginx");
    std::fs::create_dir_all(&folder)?;
    let folder = std::fs::canonicalize(folder)?;
    let address = free_address()?;
    let at = folder.display();
    let config = format!(
        "daemon off;\nworker_processes 1;\npid {at}/nginx.pid;\nerror_log stderr error;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n  access_log off;\n  keepalive_requests 1000000000;\n  tcp_nodelay on;\n\
         \x20 client_body_buffer_size 64k;\n  client_body_temp_path {at}/body;\n  proxy_temp_path {at}/proxy;\n\
         \x20 fastcgi_temp_path {at}/fastcgi;\n  uwsgi_temp_path {at}/uwsgi;\n  scgi_temp_path {at}/scgi;\n\
         \x20 upstream mock {{ server {upstream}; keepalive 256; keepalive_requests 1000000000; }}\n\
         \x20 server {{\n    listen {address};\n    location / {{\n      proxy_pass http://mock;\n\
         \x20     proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n      proxy_buffering off;\n\
         \x20   }}\n  }}\n}}\n"
    );
    let file = folder.join("nginx.conf");
    std::fs::write(&file, config)?;
    let mut command = Command::new(program);
    command
        .arg("-p")
        .arg(&folder)
        .arg("-e")
        .arg("stderr")
        .arg("-c")
        .arg(&file);
    Server::known(command, address).await
}

/// A loopback port that was free a moment ago.
fn free_address() -> std::io::Result<SocketAddr> {
    std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()
}
