//! A person with an account, at a browser that speaks to the stack's HTTP API.

use ::http::{Method, header};
use serde_json::json;

use super::http::Reply;
use super::{Gateway, Stack, StackError};

/// A person who is signed in.
pub struct Person {
    /// The cookie of the session, as the browser sends it.
    cookie: String,
}

impl Person {
    /// Makes an account, as `make user` does, and returns a link that signs in to it once.
    ///
    /// # Errors
    ///
    /// [`StackError`] if the function fails or refuses.
    pub async fn link(
        stack: &Stack,
        gateway: &Gateway,
        email: &str,
        role: &str,
    ) -> Result<String, StackError> {
        let wanted =
            json!({ "email": email, "role": role, "link": "sign_in", "baseUrl": gateway.url() });
        let reply = stack.invoke("accounts", &json!({ "make_user": wanted })).await?;
        let url = reply["body"]["url"].as_str().map(str::to_owned);
        url.ok_or_else(|| StackError::Function {
            function: "accounts".to_owned(),
            said: reply.to_string(),
        })
    }

    /// Signs in by a link, with the form of its page.
    ///
    /// # Errors
    ///
    /// [`StackError::Status`] if the link signs nobody in, [`StackError::Http`] if there is no
    /// reply.
    pub async fn by_link(gateway: &Gateway, link: &str) -> Result<Self, StackError> {
        let path = "/api/auth/use-link";
        let token = link.rsplit_once('=').map_or(link, |(_, token)| token);
        let headers = [
            (header::CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded"),
            ("sec-fetch-site", "same-origin"),
        ];
        let form = format!("token={token}&callbackURL=%2Fconsole");
        let reply = gateway.post(path, &headers, form).await?;
        let cookies = reply.headers.get_all(header::SET_COOKIE).iter();
        let mut cookies = cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
        let session = cookies.find(|cookie| cookie.contains("session_token="));
        match session.filter(|_| reply.status == 303) {
            Some(cookie) => Ok(Self { cookie: cookie.to_owned() }),
            None => {
                let (path, status, body) = (path.to_owned(), reply.status, reply.body);
                Err(StackError::Status { path, status, body })
            }
        }
    }

    /// Opens a page and returns the reply with any status.
    ///
    /// # Errors
    ///
    /// [`StackError::Http`] if there is no reply.
    pub async fn open(&self, gateway: &Gateway, path: &str) -> Result<Reply, StackError> {
        gateway.ask(Method::GET, path, &[(header::COOKIE.as_str(), &self.cookie)]).await
    }

    /// Sends a form from a page of the API's own and returns the reply with any status.
    ///
    /// # Errors
    ///
    /// [`StackError::Http`] if there is no reply.
    pub async fn send(
        &self,
        gateway: &Gateway,
        path: &str,
        form: &str,
    ) -> Result<Reply, StackError> {
        let headers = [
            (header::CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded"),
            ("sec-fetch-site", "same-origin"),
            (header::COOKIE.as_str(), &*self.cookie),
        ];
        gateway.post(path, &headers, form.to_owned()).await
    }
}
