//! `coview demo`: a server with visitors on it for a person with a browser, or the whole story,
//! checked.

mod headless;
mod live;
mod page;
mod relay;
mod scenes;
mod stage;
mod story;
mod wait;

use core::time::Duration;

use crate::args::DemoArgs;
use crate::failure::Failure;

pub(crate) async fn run(args: DemoArgs) -> Result<(), Failure> {
    if args.headless {
        headless::run(args.json, Duration::from_secs(args.deadline)).await
    } else {
        live::run(args).await
    }
}
