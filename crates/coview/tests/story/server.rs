//! What an operator relies on: TLS, limits, metrics, a stop that tells everybody.

use coview::AnonymousStep;
use coview::Change;
use coview::Connectivity;
use coview::EndReason;
use coview::ManualStep;
use coview::PresenceData;
use coview::PresencePatch;
use coview::PresenceStep;
use coview::SessionKey;
use coview::TermsStep;
use coview::WithdrawReason;
use coview::agent::Change as AgentChange;
use coview::agent::SignedInStep;
use coview::agent::ViewingStep;
use coview::smol::ConnectError;
use coview::smol::OpenErrorKind;
use coview::smol::Roots;
use coview_server::Tls;
use rcgen::CertifiedKey;
use rcgen::generate_simple_self_signed;
use serde_json::json;

use crate::one_click::one_click;
use crate::raw::Raw;
use crate::world::*;

#[test]
fn the_whole_way_over_tls() {
    story(async {
        let (certificate, key) = self_signed("localhost");
        let world = World::with(|config| {
            config.tls = Some(Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap());
        });
        assert!(world.url().starts_with("wss://127.0.0.1:"));
        let url = format!("wss://localhost:{}", world.address.port());
        let roots = Roots::pem(certificate.as_bytes()).unwrap();

        let visitor = connect(visitor_at(&url).with_roots(roots.clone())).await;
        let sharing = soon("the session", visitor.start_manual()).await.unwrap();
        let typed = SessionKey::parse(&sharing.key().to_string()).unwrap();
        let ada = sign_in(agent_at(&url, "ada").with_roots(roots.clone())).await;
        let ada = soon("ada to be in", ada.join(typed)).await.unwrap();
        let sharing = next!(sharing, ManualStep::Changed(v, Change::Guests(1)) => v);
        let visitor = sharing.end();
        let ada = until!(ada, "the end", ViewingStep::Ended(a, EndReason::Visitor) => a);

        // Not trusted: another certificate, or none of one's own.
        let (another, _) = self_signed("localhost");
        let another = Roots::pem(another.as_bytes()).unwrap();
        for roots in [another, Roots::mozilla()] {
            assert_tls_error(&url, roots).await;
        }
        // Trusted, but for another name.
        let address = format!("wss://127.0.0.1:{}", world.address.port());
        assert_tls_error(&address, roots.clone()).await;
        // TLS where there is none, and none where there is.
        let plain = World::new();
        assert_tls_error(&plain.url().replace("ws://127.0.0.1", "wss://localhost"), roots).await;
        let config = visitor_at(&format!("ws://localhost:{}", world.address.port()));
        let error = soon("the failure", coview::smol::connect(config)).await.unwrap_err();
        assert!(matches!(error, ConnectError::Unreachable(_)), "{error:?}");
        drop((visitor, ada));
        plain.stop().await;
        world.stop().await;
    });
}

async fn assert_tls_error(url: &str, roots: Roots) {
    let connect = coview::smol::connect(visitor_at(url).with_roots(roots));
    let error = soon("the failure", connect).await.unwrap_err();
    let ConnectError::Unreachable(open) = &error else { panic!("{error:?}") };
    assert_eq!(open.kind(), OpenErrorKind::Tls, "{error}");
    assert!(error.to_string().starts_with("the server cannot be reached: TLS failed: "), "{error}");
}

fn self_signed(name: &str) -> (String, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    (cert.pem(), signing_key.serialize_pem())
}

#[test]
fn client_that_does_not_read_is_cut_off_and_the_others_do_not_notice() {
    story(async {
        let world = World::with(|config| config.limits.queue_messages = 8);
        // A roster of a good 60 kB.
        let mut heavy = Vec::new();
        for number in 0..15 {
            let visitor = world.identified(&format!("heavy-{number}")).await;
            let mut data = PresenceData::new();
            for entry in 0..32 {
                data = data.with(&format!("{entry:02}"), &"x".repeat(126)).unwrap();
            }
            heavy.push(soon("the presence", visitor.connect_presence_with(data)).await.unwrap());
        }
        let mut visitor = world.online("customer-42").await;
        let ada = world.watcher("ada").await;

        // An agent that asks for the roster again and again, and reads nothing.
        let mut slow = Raw::connect(world.address).await;
        let token = token("grace");
        let token = token.expose_secret();
        slow.say(json!({ "t": "sign_in", "re": 0, "version": 1, "group": GROUP, "token": token }))
            .await;
        slow.hear("signed_in").await;
        let flood = async {
            for re in 1.. {
                let watch = json!({ "t": "watch", "re": re }).to_string();
                if slow.socket.send(watch.into()).await.is_err() {
                    break;
                }
                smol::future::yield_now().await;
            }
        };
        let cut_off = world.metric_becomes("coview_closed_too_slow_total", 1);
        soon("the slow one to be cut off", smol::future::zip(flood, cut_off)).await;

        // The others go on.
        visitor.update_presence(PresencePatch::new().set("page", "/cart").unwrap());
        let ada = sees(ada, "the update", "customer-42", |card| !card.data.is_empty()).await;
        let sharing = soon("the session", visitor.start_manual()).await.unwrap();
        assert_eq!(world.metric("coview_connections").await, 17, "16 visitors and an agent");

        drop((sharing, ada, heavy));
        world.stop().await;
    });
}

#[test]
fn client_that_never_stops_talking_does_not_keep_the_others_waiting() {
    story(async {
        let world = World::new();
        let address = world.address;
        // A blocking thread, so that nothing but the server slows it down.
        let (stop, stopped) = smol::channel::bounded::<()>(1);
        let talker = smol::unblock(move || {
            smol::block_on(async {
                let mut raw = Raw::visitor(address).await;
                let ping = json!({ "t": "ping" }).to_string();
                while !stopped.is_closed() {
                    for _ in 0..1_000 {
                        raw.socket.send(ping.clone().into()).await.unwrap();
                    }
                    for _ in 0..1_000 {
                        raw.hear("pong").await;
                    }
                }
            });
        });
        world.metric_becomes("coview_visitors", 1).await;
        let (sharing, ada) =
            one_click(world.online("customer-42").await, world.agent("ada").await).await;
        stop.close();
        soon("the talker to end", talker).await;
        drop((sharing, ada));
        world.stop().await;
    });
}

#[test]
fn one_connection_too_many_is_sent_away_and_comes_in_later() {
    story(async {
        let world = World::with(|config| config.limits.connections = 1);
        let first = world.visitor().await;
        let error = soon("the answer", coview::smol::connect(visitor_at(world.url()))).await;
        assert!(matches!(error, Err(ConnectError::Unreachable(_))), "{error:?}");
        drop(first);
        world.metric_becomes("coview_connections", 0).await;
        drop(world.visitor().await);
        world.stop().await;
    });
}

#[test]
fn http_on_the_same_port() {
    story(async {
        let world = World::new();
        let (head, body) = world.get("/healthz").await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert_eq!(body, "ok\n");
        let (_, body) = world.get("/").await;
        assert!(body.starts_with("coview ") && body.contains("/v1/socket"), "{body}");
        assert!(world.get("/nothing").await.0.starts_with("HTTP/1.1 404 "));
        assert!(world.get("/v1/socket").await.0.starts_with("HTTP/1.1 426 "));

        let visitor = world.online("customer-42").await;
        let sharing = soon("the session", visitor.start_manual()).await.unwrap();
        let (head, body) = world.get("/metrics").await;
        assert!(
            head.to_lowercase().contains("content-type: application/openmetrics-text"),
            "{head}"
        );
        for line in [
            "coview_connections 1",
            "coview_visitors 1",
            "coview_visitors_online 1",
            "coview_sessions 1",
            "coview_keys 1",
            "coview_sessions_manual_total 1",
            "# TYPE coview_sessions gauge",
            "# TYPE coview_sessions_manual counter",
            "# EOF",
        ] {
            assert!(body.lines().any(|found| found == line), "{line} is not in:\n{body}");
        }
        assert!(!body.contains("customer-42"), "metrics name nobody");
        drop(sharing);
        world.metric_becomes("coview_keys", 0).await;
        world.metric_becomes("coview_visitors", 0).await;
        world.stop().await;
    });
}

#[test]
fn stop_tells_everybody_and_ends_everything() {
    story(async {
        let world = World::new();
        let sharing = soon("the session", world.visitor().await.start_manual()).await.unwrap();
        let key = SessionKey::parse(&sharing.key().to_string()).unwrap();
        let ada = soon("ada to be in", world.agent("ada").await.join(key)).await.unwrap();
        let sharing = until!(sharing, "one guest", ManualStep::Changed(v, Change::Guests(1)) => v);
        let online = world.online("customer-42").await;
        let grace = soon("the request", world.agent("grace").await.ask(id("customer-42"))).await;
        let asked = until!(online, "the terms", PresenceStep::TermsRequested(asked) => asked);
        let anonymous = world.visitor().await;
        let joan = world.watcher("joan").await;
        let mut raw = Raw::visitor(world.address).await;

        let told = async {
            let closing = raw.hear("closing").await;
            assert_eq!(closing, json!({ "t": "closing", "reason": "shutdown", "retry": true }));
            assert_eq!(raw.next().await, None);
        };
        smol::future::zip(told, world.stop()).await;
        let (visitor, why) = until!(sharing, "the end", ManualStep::Ended(v, why) => (v, why));
        assert_eq!(why, EndReason::Shutdown);
        let (ada, why) = until!(ada, "the end", ViewingStep::Ended(a, why) => (a, why));
        assert_eq!(why, EndReason::Shutdown);
        let (online, why) = until!(asked, "the end", TermsStep::Withdrawn(v, why) => (v, why));
        assert_eq!(why, WithdrawReason::Shutdown);
        // They come back by themselves, as soon as there is something to come back to.
        let anonymous = until!(
            anonymous,
            "the break",
            AnonymousStep::Changed(v, Change::Connectivity(Connectivity::Reconnecting)) => v
        );
        let joan = until!(
            joan,
            "the break",
            SignedInStep::Changed(a, AgentChange::Connectivity(Connectivity::Reconnecting)) => a
        );
        drop((visitor, ada, online, grace, anonymous, joan));
    });
}

#[test]
fn stop_does_not_wait_for_a_client_that_does_not_answer() {
    story(async {
        let world = World::with(|config| config.limits.drain = ms(200));
        let silent = Raw::visitor(world.address).await;
        world.stop().await;
        drop(silent);
    });
}

#[test]
fn broken_messages_are_answered_and_too_many_of_them_end_the_connection() {
    story(async {
        let world = World::with(|config| config.hub.policy.problems_per_minute = 3);
        let mut raw = Raw::visitor(world.address).await;
        raw.say(json!({ "t": "wave", "re": 1 })).await;
        assert_eq!(raw.hear("problem").await["code"], "unknown_type");
        raw.socket.send("not JSON".into()).await.unwrap();
        assert_eq!(raw.hear("problem").await["code"], "malformed");
        raw.say(json!({ "t": "log_out", "re": 2 })).await;
        assert_eq!(raw.hear("problem").await["code"], "illegal_order");
        // Nothing is lost by it.
        raw.say(json!({ "t": "session_start", "re": 3, "start": 1, "by": "random_key" })).await;
        raw.hear("session_connected").await;
        raw.socket.send("{}".into()).await.unwrap();
        raw.hear("problem").await;
        raw.hear("session_ended").await;
        assert_eq!(raw.hear("closing").await["reason"], "protocol");
        assert_eq!(raw.next().await, None);
        world.stop().await;
    });
}
