use coview_lifecycle::Link;
use coview_lifecycle::TermsShown;
use coview_lifecycle::Visitor;

async fn accepted<L: Link>(shown: Visitor<TermsShown, L>) {
    if let Ok(sharing) = shown.accept().await {
        println!("{}", sharing.key());
    }
}

fn main() {}
