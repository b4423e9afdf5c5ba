//! The codes of refusals, as Better Auth has them.

use penstock_edge::http::{Failure, Problem, StatusCode};

/// Why a request is refused. Each has the status, the code and the words of Better Auth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    InvalidEmailOrPassword,
    UserAlreadyExists,
    PasswordTooShort,
    PasswordTooLong,
    SignUpDisabled,
    InvalidPassword,
    PasswordRequired,
    NoPassword,
    InvalidToken,
    InvalidCallbackUrl,
    UserNotFound,
    LastAdmin,
}

impl Code {
    const fn parts(self) -> (StatusCode, &'static str, &'static str, &'static str) {
        use StatusCode as Status;
        match self {
            Self::InvalidEmailOrPassword => (
                Status::UNAUTHORIZED,
                "invalid-email-or-password",
                "INVALID_EMAIL_OR_PASSWORD",
                "Invalid email or password",
            ),
            Self::UserAlreadyExists => (
                Status::UNPROCESSABLE_ENTITY,
                "user-already-exists",
                "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
                "User already exists. Use another email.",
            ),
            Self::PasswordTooShort => (
                Status::BAD_REQUEST,
                "password-too-short",
                "PASSWORD_TOO_SHORT",
                "Password too short",
            ),
            Self::PasswordTooLong => {
                (Status::BAD_REQUEST, "password-too-long", "PASSWORD_TOO_LONG", "Password too long")
            }
            Self::SignUpDisabled => (
                Status::BAD_REQUEST,
                "sign-up-disabled",
                "EMAIL_PASSWORD_SIGN_UP_DISABLED",
                "Email and password sign up is not enabled",
            ),
            Self::InvalidPassword => {
                (Status::BAD_REQUEST, "invalid-password", "INVALID_PASSWORD", "Invalid password")
            }
            Self::PasswordRequired => (
                Status::BAD_REQUEST,
                "password-required",
                "PASSWORD_REQUIRED",
                "This link asks for a password.",
            ),
            Self::NoPassword => (
                Status::BAD_REQUEST,
                "no-password",
                "CREDENTIAL_ACCOUNT_NOT_FOUND",
                "Credential account not found",
            ),
            Self::InvalidToken => {
                (Status::BAD_REQUEST, "invalid-token", "INVALID_TOKEN", "Invalid token")
            }
            Self::InvalidCallbackUrl => (
                Status::FORBIDDEN,
                "invalid-callback-url",
                "INVALID_CALLBACK_URL",
                "Invalid callbackURL",
            ),
            Self::UserNotFound => {
                (Status::NOT_FOUND, "user-not-found", "USER_NOT_FOUND", "User not found")
            }
            Self::LastAdmin => (
                Status::CONFLICT,
                "last-admin",
                "LAST_ADMIN",
                "This is the last account of an admin.",
            ),
        }
    }

    pub(crate) fn problem(self) -> Problem {
        let (status, slug, code, message) = self.parts();
        Problem::coded(status, slug, code, message)
    }
}

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        code.problem().into()
    }
}

/// The refusal of a body whose fields are not what they must be.
pub(crate) fn unfit(message: String) -> Problem {
    Problem::coded(StatusCode::BAD_REQUEST, "invalid-request", "VALIDATION_ERROR", message)
}

/// The refusal of one who comes too often, for as many seconds.
pub(crate) fn too_many(seconds: u32) -> Problem {
    let message = "Too many requests. Please try again later.";
    let problem =
        Problem::coded(StatusCode::TOO_MANY_REQUESTS, "rate-limited", "TOO_MANY_REQUESTS", message);
    Problem { retry_after: Some(seconds.max(1)), ..problem }
}
