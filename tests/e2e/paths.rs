//! A data dir where no socket fits.

use crate::district::District;

#[test]
fn a_data_dir_too_deep_for_a_socket_is_refused_before_anything_is_made() {
    let district = District::new();
    let deep = format!("deep/{}", "x".repeat(120));
    std::fs::create_dir(district.root().join("deep")).unwrap();
    let office = district.stranger(&deep);
    let token = wasl_tests::fleet::through(district.token("nasr"), &office.link);
    let out = office.at.output(&["join", &token], b"").unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(!out.status.success());
    assert!(said.contains("too long for a socket") && said.contains("help: "), "{said}");
    assert!(!office.at.dir().exists());
    // The token is still good.
    let office = district.stranger("nasr");
    let token: wasl_protocol::join::JoinToken = token.parse().unwrap();
    office.at.call(&["join", &wasl_tests::fleet::through(token, &office.link)]).unwrap();
}
