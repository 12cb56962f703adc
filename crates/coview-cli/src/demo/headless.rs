//! `coview demo --headless`: the whole story, each step checked as it goes.

use core::cell::Cell;
use core::time::Duration;
use std::time::Instant;

use async_signal::Signal;
use coview_hub::Policy;
use futures_lite::FutureExt;
use smol::Timer;

use super::relay::Relay;
use super::scenes;
use super::scenes::Cast;
use super::stage::ANYWHERE;
use super::stage::Stage;
use super::story::Story;
use super::story::Told;
use crate::failure::Failure;
use crate::say::Event;
use crate::say::GOOD;
use crate::say::Say;
use crate::say::WARN;
use crate::terminal::Interrupts;

/// How long the terms may be unanswered, and a place is kept, where the story shows what happens
/// then.
const IMPATIENT: Duration = Duration::from_secs(1);

pub(super) async fn run(json: bool, deadline: Duration) -> Result<(), Failure> {
    let mut interrupts = Interrupts::new(&[
        Signal::Int,
        #[cfg(unix)]
        Signal::Term,
    ])?;
    let mut say = Say::new(json);
    let began = now();
    let step = Cell::new("The curtain rises");
    let told = async {
        let mut story = Story::new(&mut say, &step);
        Box::pin(tell(&mut story)).await?;
        Ok(story.told())
    };
    let late = async {
        Timer::after(deadline).await;
        Err(format!("it was not done within {} s", deadline.as_secs()).into())
    };
    let interrupted = async {
        interrupts.next().await;
        Err("it was interrupted".into())
    };
    let told: Told<(u32, u32)> = told.or(interrupted).or(late).await;

    match told {
        Ok((steps, facts)) => {
            let seconds = now().duration_since(began).as_secs_f64();
            say.tell(
                &Event::new(
                    "done",
                    format_args!(
                        "\n{GOOD}every step happened:{GOOD:#} {steps} steps, {facts} facts checked, \
                         {seconds:.1} seconds"
                    ),
                )
                .with("steps", steps)
                .with("facts", facts)
                .with("seconds", seconds),
            );
            Ok(())
        }
        Err(why) => {
            let step = step.get();
            say.tell(
                &Event::new("failed", format_args!("\n{WARN}the story broke off{WARN:#}"))
                    .with("step", step)
                    .with("why", why.to_string()),
            );
            Err(Failure::run(format_args!("step \"{step}\": {why}")))
        }
    }
}

async fn tell(story: &mut Story<'_>) -> Told<()> {
    let stage = Stage::open(Policy::default(), ANYWHERE).await?;
    // The visitor's network, which the story pulls once.
    let network = Relay::to(stage.address()).await?;
    story.begin(&format!("ws://{}", stage.address()));

    let (visitor, cast) = scenes::connect(story, &stage, &network).await?;
    let (visitor, cast) = scenes::manual(story, visitor, cast).await?;
    let visitor = scenes::identify(story, visitor).await?;
    let (visitor, cast) = scenes::presence(story, visitor, cast).await?;
    let (visitor, cast) = scenes::one_click(story, visitor, cast).await?;
    let (visitor, cast) = scenes::no(story, visitor, cast).await?;
    let impatient = Policy { terms_unanswered: IMPATIENT, ..Policy::default() };
    scenes::no_answer(story, Stage::open(impatient, ANYWHERE).await?).await?;
    let (visitor, cast) = scenes::fallback(story, visitor, cast).await?;
    let (visitor, cast) = scenes::races(story, visitor, cast).await?;
    let (visitor, cast) = scenes::two_devices(story, &stage, visitor, cast).await?;
    let (visitor, cast) = scenes::background(story, visitor, cast).await?;
    let (visitor, cast) = scenes::network_drop(story, &network, visitor, cast).await?;
    let forgetful = Policy { resume_grace: IMPATIENT, ..Policy::default() };
    scenes::network_gone(story, Stage::open(forgetful, ANYWHERE).await?).await?;
    let Cast { ada, grace } = scenes::leave(story, visitor, cast).await?;
    drop(grace);
    scenes::curtain(story, stage, ada).await
}

#[expect(clippy::disallowed_methods, reason = "how long the demo took is told at its end")]
fn now() -> Instant {
    Instant::now()
}
