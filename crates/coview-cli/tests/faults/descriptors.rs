//! The server has no file descriptor left: who is in stays in, who comes waits and is let in as soon as
//! there is one, and the server neither spins nor fills its log.

use std::net::TcpStream;

use coview_agent::ViewingStep;
use coview_wire::EndReason;
use smol::Timer;
use smol::block_on;

use crate::house::*;
use crate::stories::*;

const LIMIT: usize = 48;

const SETUP: Setup =
    Setup { config: "[limits]\nhandshake_seconds = 600\n", tls: true, before: "ulimit -n 48" };

#[test]
fn without_descriptors_who_is_in_goes_on_and_who_comes_waits() {
    block_on(async {
        let mut house = House::new("descriptors", SETUP);
        let system = house.system();
        let (sharing, ada, key) = by_key(house.visitor().await, house.agent("ada").await).await;
        let grace = house.agent("grace").await;

        // Connections on which nothing is said, until the server can take no more of them.
        let connect = |_| TcpStream::connect(house.address()).unwrap();
        let idle: Vec<_> = (0..2 * LIMIT).map(connect).collect();
        let short = || house.said().contains("cannot take a connection");
        becomes("the server to say that it has none left", short).await;
        assert!(system.descriptors() >= LIMIT - 1, "{}", system.descriptors());
        let trusts_the_old = house.visitor_config(&house.url());
        let newcomer = smol::spawn(coview_smol::connect(trusts_the_old));

        // Who is in goes on, and what happens is on record.
        let mut grace = soon("grace to be in", grace.join(key)).await.unwrap();
        assert_eq!(house.records().count("guest_joined", sharing.session().get()), 2);
        while grace.guests() < 2 {
            grace = match soon("both to be seen", grace.next()).await {
                ViewingStep::Changed(grace, _) => grace,
                ViewingStep::Ended(_, why) => panic!("{why}"),
            };
        }

        // A new certificate cannot be read, and the old one stays.
        house.certify();
        house.signal("-HUP");
        let told = || house.said().contains("nothing was taken over");
        becomes("the reload to be told as failed", told).await;
        assert!(house.said().contains("Too many open files"), "{}", house.said());

        // The server waits, too: it computes nothing meanwhile, or next to nothing.
        let ticks = system.ticks();
        Timer::after(ms(2_000)).await;
        let ticks = system.ticks() - ticks;
        println!("{ticks} clock ticks in 2 seconds without descriptors");
        assert!(ticks <= 40, "{ticks} of some 200 clock ticks were computed");
        assert!(!newcomer.is_finished(), "there was a descriptor for the newcomer");

        let visitor = sharing.end();
        let (ada, why) = ended(ada).await;
        assert_eq!(why, EndReason::Visitor);
        let (grace, why) = ended(grace).await;
        assert_eq!(why, EndReason::Visitor);

        drop(idle);
        let newcomer = soon("the newcomer to be let in", newcomer).await.unwrap();
        house.signal("-HUP");
        let told = || house.said().contains("certificate and keys are those of the files now");
        becomes("the new certificate to be taken over", told).await;
        let (sharing, ada, _) = by_key(house.visitor().await, ada).await;
        drop((visitor, grace, newcomer, sharing, ada));
        house.stop();
        house.verify();
        let lines = house.said().matches("cannot take a connection").count();
        println!("{lines} lines of the log tell of it");
        assert!(lines <= 10, "{}", house.said());
    });
}
