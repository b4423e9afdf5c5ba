use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;

use super::*;

const PLAIN: &[u8] = br#"{"email":"ada@x.example"}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// [`PLAIN`], as Google's brotli compresses it.
fn brotli() -> Vec<u8> {
    hex::decode("0b0c807b22656d61696c223a2261646140782e6578616d706c65227d03").unwrap()
}

fn body<'a>(bytes: &'a [u8], content_type: &'a str, encoding: &'a str) -> Body<'a> {
    let content_encoding = Some(encoding).filter(|text| !text.is_empty());
    Body { bytes, media: Media { content_type, content_encoding } }
}

fn text(bytes: &[u8], content_type: &str, encoding: &str) -> Result<String, NotText> {
    body(bytes, content_type, encoding).text().map(Cow::into_owned)
}

fn fields(bytes: &[u8], content_type: &str) -> Option<String> {
    body(bytes, content_type, "").fields().map(Cow::into_owned)
}

#[test]
fn trap_71_a_body_is_inflated_by_what_its_header_names_in_any_order_and_case() {
    for (encoded, header) in [
        (PLAIN.to_vec(), ""),
        (PLAIN.to_vec(), "identity"),
        (gzip(PLAIN), "gzip"),
        (gzip(PLAIN), " X-GZIP "),
        (gzip(PLAIN), "identity, gzip"),
        (zlib(PLAIN), "deflate"),
        (deflate(PLAIN), "deflate"),
        (brotli(), "br"),
        (gzip(&brotli()), "br, gzip"),
        (zlib(&gzip(PLAIN)), "gzip,deflate"),
        ([gzip(&PLAIN[..7]), gzip(&PLAIN[7..])].concat(), "gzip"),
        // No header, but gzip by its first bytes; a header, but plain.
        (gzip(PLAIN), ""),
        (PLAIN.to_vec(), "gzip"),
        (PLAIN.to_vec(), "deflate"),
        (PLAIN.to_vec(), "br"),
    ] {
        let inflated = text(&encoded, "application/json", header);
        assert_eq!(inflated.as_deref().map(str::as_bytes), Ok(PLAIN), "{header:?}");
    }
    use NotInflated::{Broken, Unknown};
    for (encoded, header, error) in [
        (gzip(PLAIN), "zstd", Unknown),
        (gzip(PLAIN), "gzip,gzip,gzip,gzip,gzip", Unknown),
        (gzip(PLAIN)[..20].to_vec(), "gzip", Broken),
        (gzip(PLAIN), "br", Broken),
        (vec![0xff; 9], "deflate", Broken),
    ] {
        assert_eq!(text(&encoded, "", header), Err(NotText::NotInflated(error)), "{header}");
    }
}

#[test]
fn a_bomb_is_told_from_a_body_of_the_longest_length_and_never_inflated_beyond_it() {
    // 64 MiB of zeros in 106 bytes.
    let brotli_bomb = hex::decode(
        "cbffff3ff82560e2b14020f7fe8fffff7ff04b00c4611180eefd1fffffffe0970088c30200ddfb3ffeffffc12f01\
         10870500baf77ffcffff835f02200e0b0074effff8ffff07bf04401c1600e8defff1ffff0f7e0980382c00d0bdff\
         e3ffff1ffc1200715800a07bff37",
    );
    let full = vec![b'0'; LONGEST_BODY];
    let over = [&*full, b"0"].concat();
    for (bomb, header) in [
        (gzip(&over), "gzip"),
        (zlib(&over), "deflate"),
        (deflate(&over), "deflate"),
        (brotli_bomb.unwrap(), "br"),
        (gzip(&gzip(&over)), "gzip, gzip"),
    ] {
        let too_long = Err(NotText::NotInflated(NotInflated::TooLong));
        assert_eq!(text(&bomb, "", header), too_long, "{header}");
    }
    assert_eq!(text(&gzip(&full), "", "gzip").map(|text| text.len()), Ok(LONGEST_BODY));
}

#[test]
fn a_byte_order_mark_is_skipped_and_a_charset_is_decoded_if_the_bytes_are_not_utf8() {
    let utf16 = |text: &str, unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    };
    let latin = "application/json; charset=\"ISO-8859-1\"";
    for (bytes, content_type) in [
        ("\u{feff}Jürgen 5 €".as_bytes().to_vec(), ""),
        ("Jürgen 5 €".as_bytes().to_vec(), latin),
        (b"J\xfcrgen 5 \x80".to_vec(), latin),
        (b"J\xfcrgen 5 \x80".to_vec(), "text/plain;charset=windows-1252"),
        (utf16("\u{feff}Jürgen 5 €", u16::to_le_bytes), "application/json"),
        (utf16("\u{feff}Jürgen 5 €", u16::to_be_bytes), ""),
        (utf16("Jürgen 5 €", u16::to_le_bytes), "text/plain; charset=utf-16le"),
    ] {
        assert_eq!(text(&bytes, content_type, "").as_deref(), Ok("Jürgen 5 €"), "{content_type}");
    }
    assert_eq!(text(b"a\xff", "", ""), Err(NotText::Charset(1)));
    assert_eq!(text(b"\xff\xfe\x00", "", ""), Err(NotText::Charset(0)), "half a character");
    assert_eq!(text(b"\xff\xfe\x00\xd8", "", ""), Err(NotText::Charset(0)), "half a pair");
}

#[test]
fn a_form_is_the_object_that_its_names_spell() {
    const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
    for (form, object) in [
        ("a=1&b=2&a=3", r#"{"a":"1","b":"2","a":"3"}"#),
        ("a+b=c%20d+e&f", r#"{"a b":"c d e","f":""}"#),
        ("a%5Bb%5D=1&a[c][d]=2&a[]=3&[]=4", r#"{"a":{"b":"1","c":{"d":"2"}},"a":"3","[]":"4"}"#),
        ("f[0][email]=x&f[0][name]=y", r#"{"f":{"0":{"email":"x","name":"y"}}}"#),
        ("name.first=Ada&1.3=Ada", r#"{"name":{"first":"Ada"},"1.3":"Ada"}"#),
        ("n=J%FCrgen", r#"{"n":"Jürgen"}"#),
        ("n=J\u{fc}rgen+%e2%82%ac", r#"{"n":"Jürgen €"}"#),
        ("x=%7B%22a%22%3A1%7D", r#"{"x":"{\"a\":1}"}"#),
        (
            "name=Ada Lovelace&msg=a<b\n&email=e\r\n",
            r#"{"name":"Ada Lovelace","msg":"a<b\n","email":"e"}"#,
        ),
        ("a[b=c&d]=e&[=f", r#"{"a":{"b":"c"},"d]":"e","[":"f"}"#),
    ] {
        assert_eq!(fields(form.as_bytes(), FORM).as_deref(), Some(object), "{form}");
    }
    assert_eq!(fields(b"n=J\xfcrgen", FORM).as_deref(), Some(r#"{"n":"Jürgen"}"#));
    let lines = fields(b"name=Ada L\r\nphone=+49 30\r\n", "text/plain");
    assert_eq!(lines.as_deref(), Some(r#"{"name":"Ada L","phone":"+49 30"}"#));
}

#[test]
fn what_nothing_says_is_a_form_is_one_only_if_its_first_name_looks_like_a_name() {
    for form in ["a=b", "email=a%40b&c=d e", "form_fields[email]=x", "a=1&2"] {
        assert!(fields(form.as_bytes(), "text/plain").is_some(), "{form}");
    }
    for other in
        ["a b=c", "<a b=\"c\">", "[{\"a\":\"b=c\"}]", "=a", "hello", "", "\"a=b\"", "a: b=c"]
    {
        assert_eq!(fields(other.as_bytes(), "text/plain"), None, "{other}");
    }
    assert_eq!(fields(b"<a b=\"c\">", "application/x-www-form-urlencoded"), None);
    assert_eq!(fields(b"a=\xff", ""), None);
}

#[test]
fn a_multipart_form_is_its_fields_without_its_files() {
    let form = b"preamble\r\n--x \r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n2\r\n--x\r\n\
        content-disposition: form-data; name=\"cv\"; filename=\"C:\\a;b\\cv.pdf\"\r\nContent-Type: application/pdf\r\n\r\n\xff\xfe\r\n--x\r\n\
        Content-Type: text/plain; charset=x\r\nContent-Disposition: form-data; name=\"f[e \\\"%22]\"\r\n\r\nJ\xfcrgen\r\n--x\r\n\
        Content-Disposition: form-data\r\n\r\nno name\r\n--x--\r\nepilogue";
    let expected = r#"{"a":"1\r\n2","f":{"e \"\"":"Jürgen"}}"#;
    for content_type in
        ["multipart/form-data; boundary=x", "Multipart/Form-Data;charset=utf-8; boundary=\"x\""]
    {
        assert_eq!(fields(form, content_type).as_deref(), Some(expected));
    }
    // Without a header, or with a wrong one, the first line names the boundary.
    let form = b"--y\nContent-Disposition: form-data; name=a\n\n1\n--y--";
    for content_type in ["", "text/plain", "multipart/form-data", "multipart/form-data; boundary=z"]
    {
        assert_eq!(fields(form, content_type).as_deref(), Some(r#"{"a":"1"}"#), "{content_type}");
    }
    // Cut short: what is closed is read.
    let cut = b"--y\nContent-Disposition: form-data; name=a\n\n1\n--y\nContent-Disposition: form-data; name=b\n\n2";
    assert_eq!(fields(cut, "").as_deref(), Some(r#"{"a":"1"}"#));
    let no_form =
        ["--y\nContent-Disposition: form-data; name=a\n\n1", "---\nlayout: x\n\ny\n---\nz"];
    assert_eq!(no_form.map(|text| fields(text.as_bytes(), "")), [None, None]);
}

proptest! {
    #[test]
    fn any_bytes_under_any_headers_are_read_or_not_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        content_type in "[ -~]{0,40}|multipart/form-data; boundary=.{0,3}",
        encoding in "gzip|deflate|br|[ -~]{0,10}",
    ) {
        let any = body(&bytes, &content_type, &encoding);
        let _ = (any.text(), any.fields());
    }

    #[test]
    fn fields_of_any_names_and_values_come_out_of_a_form_as_they_went_in(
        pairs in prop::collection::vec(("[a-z ü&=%+]{1,8}", "\\PC{0,20}"), 1..8),
    ) {
        let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
        let name = |name: &str| name.trim().to_owned();
        let expected = form::object(pairs.iter().map(|(k, v)| (name(k), v.clone())));
        prop_assert_eq!(fields(encoded.as_bytes(), "application/x-www-form-urlencoded"), Some(expected));
    }

    #[test]
    fn values_of_a_multipart_form_come_out_as_they_went_in(
        values in prop::collection::vec("\\PC{0,20}|(\r|\n|-|x){0,12}", 1..6),
    ) {
        // As a client chooses it: a boundary that no value has.
        let boundary = "x----------------7d1";
        let parts = values.iter().enumerate().map(|(place, value)| {
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"f{place}\"\r\n\r\n{value}\r\n")
        });
        let form = parts.collect::<String>() + &format!("--{boundary}--\r\n");
        let names = values.iter().enumerate().map(|(place, value)| (format!("f{place}"), value.clone()));
        let content_type = format!("multipart/form-data; boundary={boundary}");
        prop_assert_eq!(fields(form.as_bytes(), &content_type), Some(form::object(names)));
    }
}
