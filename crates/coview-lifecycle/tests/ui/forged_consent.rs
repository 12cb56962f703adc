use coview_lifecycle::Capability;
use coview_lifecycle::Consent;
use coview_wire::SessionId;

fn main() {
    let _consent = Consent { session: SessionId::new(1), capability: Capability::View };
}
