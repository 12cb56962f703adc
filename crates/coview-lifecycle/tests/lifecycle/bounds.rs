//! Sizes, and what may cross threads.

use core::mem::size_of;
use core::task::Context;
use core::task::Poll;
use std::sync::Arc;
use std::sync::Mutex;

use coview_lifecycle::*;
use coview_wire::ClientMessage;

/// A link as an adapter has it: its other half is on another thread.
struct SendLink(#[expect(dead_code, reason = "only its type matters")] Arc<Mutex<Vec<Arrival>>>);

impl Link for SendLink {
    fn send(&mut self, _: ClientMessage) {}
    fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<Arrival> {
        Poll::Pending
    }
}

type L = SendLink;

fn crosses_threads<T: Send + Sync + Unpin + 'static>() {}

macro_rules! cross_threads {
    ($($type:ty,)+) => { $( crosses_threads::<$type>(); )+ };
}

#[test]
fn every_public_type_crosses_threads_with_its_link() {
    cross_threads! {
        Anonymous, Identified, PresenceConnected, TermsRequested, TermsShown, Manual, OneClick,
        Sharing<Manual, Anonymous>, Sharing<OneClick, PresenceConnected>,
        Visitor<Anonymous, L>, Visitor<Identified, L>, Visitor<PresenceConnected, L>,
        Visitor<TermsRequested, L>, Visitor<TermsShown, L>,
        Visitor<Sharing<Manual, Anonymous>, L>, Visitor<Sharing<Manual, Identified>, L>,
        Visitor<Sharing<Manual, PresenceConnected>, L>,
        Visitor<Sharing<OneClick, PresenceConnected>, L>,
        Pending<Identified, Anonymous, L>, Pending<PresenceConnected, Identified, L>,
        Pending<Sharing<OneClick, PresenceConnected>, PresenceConnected, L>,
        Next<Anonymous, L>, Next<Sharing<Manual, PresenceConnected>, L>,
        Refused<Anonymous, L>, RequestError<PresenceConnected, L>,
        AnonymousStep<L>, IdentifiedStep<L>, PresenceStep<L>, TermsStep<TermsShown, L>,
        Confirming<Anonymous>, Visitor<Confirming<PresenceConnected>, L>, Identity,
        ManualStep<Anonymous, L>, ConfirmingStep<Identified, L>, OneClickStep<L>,
        AnyVisitor<L>, AnyPending<L>, AnyNext<L>, AnyStep<L>, AnyRequestError<L>, ApiMisuse<L>,
        Applied<L>, Command, Change, Consent, Capability, Connectivity, LinkClosed, Arrival,
        StateKind, DisplayKey, KeyDisplay<'static>,
        table::Trigger, table::Cause, table::Edge,
    }
}

/// A visitor is moved at every step and stands inside every error, so it stays small: one pointer
/// and what is true only in its state.
#[test]
fn a_visitor_stays_small() {
    type Largest = Sharing<Manual, PresenceConnected>;
    assert_eq!(size_of::<Visitor<Anonymous, L>>(), size_of::<usize>());
    assert!(size_of::<Visitor<Largest, L>>() <= 96, "{}", size_of::<Visitor<Largest, L>>());
    assert!(size_of::<AnyVisitor<L>>() <= 96, "{}", size_of::<AnyVisitor<L>>());
    assert!(size_of::<AnyStep<L>>() <= 104, "{}", size_of::<AnyStep<L>>());
    type Granted<To, Else> = Result<Visitor<To, L>, RequestError<Else, L>>;
    assert!(size_of::<Granted<Largest, PresenceConnected>>() <= 96);
    assert!(size_of::<Granted<Identified, Anonymous>>() <= 48);
    assert!(size_of::<Pending<Largest, PresenceConnected, L>>() <= 32);
    for size in [
        size_of::<Anonymous>(),
        size_of::<Identified>(),
        size_of::<PresenceConnected>(),
        size_of::<TermsRequested>(),
        size_of::<TermsShown>(),
        size_of::<Largest>(),
        size_of::<Sharing<OneClick, PresenceConnected>>(),
        size_of::<Confirming<PresenceConnected>>(),
    ] {
        assert!(size <= 88, "a state has {size} bytes");
    }
}

#[test]
fn errors_are_errors() {
    fn is_error<E: core::error::Error + Send + Sync + 'static>() {}
    is_error::<Refused<Anonymous, L>>();
    is_error::<RequestError<Anonymous, L>>();
    is_error::<AnyRequestError<L>>();
    is_error::<ApiMisuse<L>>();
    is_error::<LinkClosed>();
}
