//! A coview server with a configuration file, called as `coview serve` is: what this crate's tests
//! measure, because they cannot know whether the `coview` program was built.

use std::future::pending;
use std::process::ExitCode;

use anstream::eprintln;
use anstream::println;
use coview_server::Server;
use coview_server::ServerConfig;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let Some(file) = words.by_ref().skip_while(|word| word != "--config").nth(1) else {
        println!("served {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    };
    let result = smol::block_on(async {
        let config = ServerConfig::load(file.as_ref()).map_err(|error| error.to_string())?;
        let server = Server::bind(config).await.map_err(|error| error.to_string())?;
        server.run(pending()).await;
        Ok::<_, String>(())
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
