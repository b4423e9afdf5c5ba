//! The style sheet, the script and the icon. Each is served under a name that holds its hash, so
//! browsers and caches keep it for good.

use std::sync::LazyLock;

use penstock_edge::http::{
    Call, Failure, HeaderMap, HeaderValue, Problem, Reply, StatusCode, header,
};
use sha2::{Digest as _, Sha256};

use crate::Ports;
use crate::headers::SECURITY_POLICY;

/// A file that the program holds.
struct Asset {
    stem: &'static str,
    extension: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
}

/// The place of the style sheet in the table.
pub(crate) const CSS: usize = 0;

/// The place of the script in the table.
pub(crate) const SCRIPT: usize = 1;

/// The place of the icon in the table.
pub(crate) const ICON: usize = 2;

const ASSETS: [Asset; 3] = [
    Asset {
        stem: "console",
        extension: "css",
        media_type: "text/css; charset=utf-8",
        bytes: include_bytes!("assets/console.css"),
    },
    Asset {
        stem: "console",
        extension: "js",
        media_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("assets/console.js"),
    },
    Asset {
        stem: "icon",
        extension: "svg",
        media_type: "image/svg+xml",
        bytes: include_bytes!("assets/icon.svg"),
    },
];

/// The names under which the files are served.
static NAMES: LazyLock<[String; 3]> = LazyLock::new(|| {
    ASSETS.map(|asset| {
        let digest = Sha256::digest(asset.bytes);
        let hash: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{}.{hash}.{}", asset.stem, asset.extension)
    })
});

/// Returns the address of a file, by its place in the table.
pub(crate) fn path(place: usize) -> String {
    let name = NAMES.get(place).map(String::as_str).unwrap_or_default();
    format!("/console/assets/{name}")
}

/// `GET /console/assets/{name}`
pub(crate) async fn find(_: &Ports, call: Call<'_>) -> Result<Reply, Failure> {
    let name = call.path("name").unwrap_or_default();
    let found = NAMES.iter().zip(&ASSETS).find(|(known, _)| **known == name);
    let (_, asset) = found.ok_or_else(|| Problem::not_found("There is no such file."))?;
    let headers = HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SECURITY_POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ]);
    Ok(Reply::new(StatusCode::OK, headers, asset.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_and_the_style_sheet_are_as_small_as_they_were_meant() {
        let lines = |asset: &Asset| asset.bytes.iter().filter(|byte| **byte == b'\n').count();
        assert!(lines(&ASSETS[SCRIPT]) < 300, "{}", lines(&ASSETS[SCRIPT]));
        assert!(ASSETS[CSS].bytes.len() < 10_000, "{}", ASSETS[CSS].bytes.len());
    }

    #[test]
    fn a_name_holds_the_hash_of_its_file() {
        let css = path(CSS);
        let hash =
            css.strip_prefix("/console/assets/console.").and_then(|it| it.strip_suffix(".css"));
        assert!(hash.is_some_and(|hash| hash.len() == 16), "{css}");
        assert_ne!(path(SCRIPT), css);
    }
}
