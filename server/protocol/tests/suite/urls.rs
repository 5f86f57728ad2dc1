//! Broker and result URLs, as kombu reads them.

#![expect(clippy::unwrap_used, reason = "a test may end here")]

use proptest::prelude::*;
use protocol::{Endpoint, RedisUrl, Tls};

fn parse(text: &str) -> RedisUrl {
    RedisUrl::parse(text).unwrap()
}

fn error(text: &str) -> String {
    RedisUrl::parse(text).unwrap_err().to_string()
}

fn tcp(host: &str, port: u16) -> Endpoint {
    Endpoint::Tcp {
        host: host.to_owned(),
        port,
    }
}

#[test]
fn what_is_left_out_has_kombus_defaults() {
    for text in [
        "redis://",
        "redis:///",
        "redis://127.0.0.1",
        " redis://:@127.0.0.1:6379/0 ",
    ] {
        let url = parse(text);
        assert_eq!(url.endpoints, [tcp("127.0.0.1", 6379)], "{text}");
        assert_eq!(
            (url.db, url.username, url.password, url.tls),
            (0, None, None, None)
        );
        assert!(!url.is_sentinel);
    }
    let url = parse("redis://broker.example:7000/3");
    assert_eq!(
        (url.endpoints, url.db),
        (vec![tcp("broker.example", 7000)], 3)
    );
    assert_eq!(parse("redis://[::1]:7000/1").endpoints, [tcp("::1", 7000)]);
    assert_eq!(parse("redis://[::1]").endpoints, [tcp("::1", 6379)]);
}

#[test]
fn user_and_password_are_decoded() {
    let url = parse("redis://us%40er:p%2Fa%3Ass%C3%A9@h/1");
    assert_eq!(url.username.as_deref(), Some("us@er"));
    assert_eq!(url.password.unwrap().expose(), "p/a:ssé");
    let url = parse("redis://:only@h");
    assert_eq!(
        (url.username, url.password.unwrap().expose()),
        (None, "only")
    );
    let url = parse("redis://ann@h");
    assert_eq!((url.username.as_deref(), url.password), (Some("ann"), None));
    assert_eq!(parse("redis://:100%@h").password.unwrap().expose(), "100%");
}

#[test]
fn tls_verifies_only_when_asked_to() {
    assert_eq!(parse("rediss://h").tls, Some(Tls::default()));
    for (value, verify) in [
        ("required", true),
        ("CERT_REQUIRED", true),
        ("optional", true),
        ("CERT_OPTIONAL", true),
        ("none", false),
        ("CERT_NONE", false),
    ] {
        let tls = parse(&format!("rediss://h?ssl_cert_reqs={value}"))
            .tls
            .unwrap();
        assert_eq!(
            (tls.verify, tls.check_hostname),
            (verify, verify),
            "{value}"
        );
    }
    let url = "redis://h/2?ssl_cert_reqs=required&ssl_ca_certs=%2Fca.pem&ssl_certfile=/c.pem&ssl_keyfile=/k.pem&ssl_check_hostname=false";
    assert_eq!(
        parse(url).tls,
        Some(Tls {
            verify: true,
            ca_certs: Some("/ca.pem".to_owned()),
            certfile: Some("/c.pem".to_owned()),
            keyfile: Some("/k.pem".to_owned()),
            check_hostname: false,
        })
    );
}

#[test]
fn sockets_lists_and_sentinels_are_understood() {
    let url = parse("redis+socket:///run/redis.sock?virtual_host=3");
    assert_eq!(
        url.endpoints,
        [Endpoint::Unix {
            path: "/run/redis.sock".to_owned()
        }]
    );
    assert_eq!(url.db, 3);
    assert_eq!(
        parse("redis+socket://:pw@/run/r.sock")
            .password
            .unwrap()
            .expose(),
        "pw"
    );
    let url = parse("redis://a/1;redis://b:7000/1;");
    assert_eq!(url.endpoints, [tcp("a", 6379), tcp("b", 7000)]);
    let url = parse("sentinel://:pw@s1:26380/2;sentinel://s2;s3:5");
    assert!(url.is_sentinel);
    assert_eq!(
        url.endpoints,
        [tcp("s1", 26380), tcp("s2", 26379), tcp("s3", 5)]
    );
    assert_eq!((url.db, url.password.unwrap().expose()), (2, "pw"));
}

#[test]
fn parameters_of_redis_py_are_passed_over() {
    let url = parse("redis://h/1?socket_timeout=5&health_check_interval=30&retry_on_timeout=true");
    assert_eq!((url.db, url.tls), (1, None));
}

#[test]
fn errors_say_what_to_do() {
    for (text, expected) in [
        ("", "the URL is empty"),
        (" ; ", "the URL is empty"),
        ("localhost:6379", "the URL does not start with redis://"),
        ("amqp://guest@h//", "the scheme amqp:// is not supported"),
        (
            "redis://h:70000",
            "the port is not a number from 1 to 65535",
        ),
        ("redis://h:0", "the port is not a number from 1 to 65535"),
        ("redis://[::1", "the host's [ has no ]"),
        (
            "redis://h/zero",
            "the database after the host is not a number",
        ),
        ("redis://:p/a@h", "there is an @ after the host"),
        ("redis://u/pa?ss@h", "there is an @ after the host"),
        ("redis://:%ff@h", "a percent-encoding is not valid"),
        ("redis+socket://?virtual_host=1", "the URL names no socket"),
        ("redis://h?color=red", "the parameter color is not known"),
        (
            "redis://h?ssl_cert_reqs=maybe",
            "the parameter ssl_cert_reqs must be required, optional or none",
        ),
        ("redis://h?db=x", "the parameter db must be a number"),
        (
            "redis://h?credential_provider=a.B",
            "the parameter credential_provider is not supported",
        ),
        (
            "redis://a/0;redis://b/1",
            "all URLs of the list must have the same database",
        ),
        (
            "redis://a;rediss://b",
            "all URLs of the list must have the same scheme",
        ),
        (
            "redis://:x@a;redis://b",
            "all URLs of the list must have the same user and password",
        ),
    ] {
        let found = error(text);
        assert!(found.starts_with(expected), "{text}: {found}");
        assert!(!found.contains('\n'));
    }
}

#[test]
fn a_masked_url_leads_to_the_same_place() {
    for (text, masked) in [
        ("redis://", "redis://127.0.0.1:6379/0"),
        ("redis://user:secret@h/2", "redis://user:********@h:6379/2"),
        ("redis://:secret@[::1]:7/2", "redis://:********@[::1]:7/2"),
        ("redis://ann@h", "redis://ann@h:6379/0"),
        ("rediss://:secret@h", "rediss://:********@h:6379/0"),
        (
            "redis+socket:///s.sock",
            "redis+socket:///s.sock?virtual_host=0",
        ),
        (
            "sentinel://:secret@a;sentinel://b",
            "sentinel://:********@a:26379/0;sentinel://:********@b:26379/0",
        ),
    ] {
        assert_eq!(parse(text).masked(), masked);
    }
}

proptest! {
    #[test]
    fn a_password_is_never_shown(
        password in "[A-Za-z0-9/:?#@;%&=]{0,6}Pa55[A-Za-z0-9/:?#@;%&=]{0,6}",
        rest in prop::sample::select(vec!["h", "h:1/2", "h/x", "[::1", "h?color=1", ""]),
        scheme in prop::sample::select(vec!["redis", "rediss", "sentinel", "redis+socket", "amqp"]),
    ) {
        let text = format!("{scheme}://user:{password}@{rest}");
        match RedisUrl::parse(&text) {
            Ok(url) => {
                // A piece of an unescaped password may have become the host; that is what
                // everybody else would connect to as well.
                let is_escaped = !password.contains(['/', ':', '?', '#', '@', ';', '%']);
                if is_escaped {
                    prop_assert!(!url.masked().contains("Pa55"), "{}", url.masked());
                    let shown = format!("{url:?}");
                    prop_assert!(!shown.contains("Pa55"));
                }
            }
            Err(error) => prop_assert!(!error.to_string().contains("Pa55"), "{error}"),
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>(), rest in "[a-z0-9:/?#@;%&=\\[\\]é]{0,40}") {
        let _ = RedisUrl::parse(&text);
        for scheme in ["redis", "rediss", "redis+socket", "sentinel"] {
            let _ = RedisUrl::parse(&format!("{scheme}://{rest}"));
        }
    }
}
