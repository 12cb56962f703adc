use coview_lifecycle::DisplayKey;

fn main() {
    let _key = DisplayKey("123 456 786".into());
}
