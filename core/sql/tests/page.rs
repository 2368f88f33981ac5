//! The picture on the page is the program's own.

use dolmen_sql::{Workspace, view};

#[test]
fn the_picture_on_the_page_is_drawn_by_the_crate() {
    let mut workspace = Workspace::new();
    let mut picture = String::new();
    view::svg(workspace.parse("SELECT a + 1 * b").unwrap(), &mut picture);
    let page = include_str!("../README.md");
    assert!(page.contains(picture.trim_end()), "the page should hold\n{picture}");
}
