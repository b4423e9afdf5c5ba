//! `/docs`: the contract as Swagger UI, out of the crate that ships it (docs/adr/0066-api-docs.md).

use penstock_edge::http::{
    Answer, Answering, Call, Document, Failure, HeaderValue, Problem, Reply, header,
};

use crate::Ports;

/// Nothing but files of our own origin, and no script or style within the page. Swagger UI sets
/// styles by script, which a policy does not forbid, and has its icons as `data:`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const fn document(media_type: &'static str, bytes: &'static [u8]) -> Document {
    Document { media_type, bytes, security_policy: POLICY }
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// The page that loads the others.
const PAGE: Document = document("text/html; charset=utf-8", include_bytes!("swagger/index.html"));

/// A file of the page.
struct File {
    name: &'static str,
    document: Document,
    /// Whether its bytes are a gzip stream.
    is_gzip: bool,
}

/// The files of the page: ours, and those that the build took out of the crate.
const FILES: [File; 4] = [
    File {
        name: "initializer.js",
        document: document(SCRIPT, include_bytes!("swagger/initializer.js")),
        is_gzip: false,
    },
    File {
        name: "own.css",
        document: document(STYLE, include_bytes!("swagger/own.css")),
        is_gzip: false,
    },
    File {
        name: "swagger-ui-bundle.js",
        document: document(
            SCRIPT,
            include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz")),
        ),
        is_gzip: true,
    },
    File {
        name: "swagger-ui.css",
        document: document(STYLE, include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz"))),
        is_gzip: true,
    },
];

/// `GET /docs` and `GET /api-docs`, for everybody.
pub(crate) struct Page;

impl Answer<Ports> for Page {
    fn answer<'a>(&'a self, _: &'a Ports, call: Call<'a>) -> Answering<'a> {
        Box::pin(async move {
            let Call { request, query, .. } = call;
            query.finish()?;
            Ok(PAGE.reply(&request.headers))
        })
    }
}

/// `GET /docs/{file}`, for everybody.
pub(crate) struct Files;

impl Answer<Ports> for Files {
    fn answer<'a>(&'a self, _: &'a Ports, call: Call<'a>) -> Answering<'a> {
        Box::pin(async move { file(call) })
    }
}

fn file(call: Call<'_>) -> Result<Reply, Failure> {
    let name = call.path("file").unwrap_or_default();
    let file = FILES.iter().find(|file| file.name == name);
    let file = file.ok_or_else(|| Problem::not_found("There is no such file."))?;
    let Call { request, query, .. } = call;
    query.finish()?;
    let mut reply = file.document.reply(&request.headers);
    if file.is_gzip && !reply.body.is_empty() {
        // A browser takes it whether or not it says so. A program that does not would not run it.
        reply.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(reply)
}
