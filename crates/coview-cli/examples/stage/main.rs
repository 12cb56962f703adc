//! The other side of the browser tests: server, visitors, their screens and their network in one
//! process, told what to do on standard input and telling what happened on standard output, one
//! JSON object a line.
//!
//! An order is `{"id": 1, "do": "serve", …}`, or `{"id": 2, "to": "ann", "do": "identify", …}` for
//! the visitor called `ann`. Each is answered once, by `{"id": 1, "ok": …}` or
//! `{"id": 1, "error": "…"}`; what happens without an order is `{"event": "…", "visitor": "ann", …}`.
//! Orders for different visitors do not wait for one another. When standard input ends, so does
//! this.
//!
//! It uses only what any program can: the embedded server, the smol adapter and a source of frames.

mod frames;
mod order;
mod relay;
mod server;
mod visitor;

use core::error::Error;
use std::collections::BTreeMap;
use std::io;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use async_channel::Sender;
use futures_lite::AsyncBufReadExt;
use futures_lite::StreamExt;
use serde_json::Value;
use serde_json::json;
use smol::Unblock;
use smol::io::BufReader;

use crate::order::Line;
use crate::order::Order;
use crate::order::StageOrder;
use crate::order::VisitorOrder;
use crate::relay::Relay;
use crate::server::Host;

/// What comes of an order.
pub(crate) type Told<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    match smol::block_on(run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "stage: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Told<()> {
    let mut stage = Stage {
        out: Out::default(),
        host: None,
        relays: BTreeMap::new(),
        visitors: BTreeMap::new(),
    };
    let mut lines = BufReader::new(Unblock::new(io::stdin())).lines();
    while let Some(line) = lines.next().await {
        let Line { id, order } = serde_json::from_str(&line?)?;
        stage.hear(id, order).await;
    }
    Ok(())
}

/// Standard output, one line at a time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Out(Arc<Mutex<()>>);

impl Out {
    pub(crate) fn answer(&self, id: u64, told: Told<Value>) {
        self.line(&match told {
            Ok(value) => json!({ "id": id, "ok": value }),
            Err(error) => json!({ "id": id, "error": error.to_string() }),
        });
    }

    pub(crate) fn event(&self, visitor: &str, event: &str, mut fields: Value) {
        fields["visitor"] = visitor.into();
        fields["event"] = event.into();
        self.line(&fields);
    }

    fn line(&self, value: &Value) {
        let _alone = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = io::stdout().lock();
        // If nobody reads any more, standard input ends too.
        let _ = writeln!(out, "{value}").and_then(|()| out.flush());
    }
}

struct Stage {
    out: Out,
    host: Option<Host>,
    relays: BTreeMap<String, Relay>,
    visitors: BTreeMap<String, Sender<(u64, VisitorOrder)>>,
}

impl Stage {
    async fn hear(&mut self, id: u64, order: Order) {
        match order {
            Order::Stage(order) => {
                let told = self.act(order).await;
                self.out.answer(id, told);
            }
            Order::Visitor(name, order) => {
                // A visitor who is gone has dropped the other end.
                let sent = match self.visitors.get(&name) {
                    Some(visitor) => visitor.send((id, order)).await.is_ok(),
                    None => false,
                };
                if !sent {
                    self.out.answer(id, Err(format!("there is no visitor {name}").into()));
                }
            }
        }
    }

    async fn act(&mut self, order: StageOrder) -> Told<Value> {
        match order {
            StageOrder::Serve { policy } => {
                let confirm_join = policy.confirm_join;
                let host = Host::open(policy.into_policy(), confirm_join).await?;
                let told = host.told();
                self.host = Some(host);
                Ok(told)
            }
            StageOrder::Token { agent, limits } => {
                Ok(self.host()?.token(&agent, limits)?.expose_secret().into())
            }
            StageOrder::StopServer => {
                self.host()?.stop().await;
                Ok(Value::Null)
            }
            StageOrder::CrashServer => {
                self.host()?.crash().await;
                Ok(Value::Null)
            }
            StageOrder::StartServer => {
                self.host()?.start().await?;
                Ok(Value::Null)
            }
            StageOrder::Relay { name, bytes_per_second } => {
                let host = self.host()?;
                let relay = Relay::to(host.relay_listener()?, host.address(), bytes_per_second)?;
                let told = json!({ "address": relay.address().to_string() });
                self.relays.insert(name, relay);
                Ok(told)
            }
            StageOrder::Cut { name } => {
                self.relay(&name)?.cut();
                Ok(Value::Null)
            }
            StageOrder::Mend { name } => {
                self.relay(&name)?.mend();
                Ok(Value::Null)
            }
            StageOrder::Connect { name, over, fps, lossy, stamped } => {
                let address = match over {
                    Some(relay) => self.relay(&relay)?.address(),
                    None => self.host()?.address(),
                };
                let config = self.host()?.visitor_config(address)?;
                let screen = visitor::Screen { fps, lossy, stamped };
                let visitor =
                    visitor::connect(name.clone(), config, screen, self.out.clone()).await?;
                self.visitors.insert(name, visitor);
                Ok(Value::Null)
            }
        }
    }

    fn host(&mut self) -> Told<&mut Host> {
        self.host.as_mut().ok_or_else(|| "there is no server yet".into())
    }

    fn relay(&self, name: &str) -> Told<&Relay> {
        self.relays.get(name).ok_or_else(|| format!("there is no relay {name}").into())
    }
}
