//! The operator's own commands.

use super::{Stack, StackError, script};

impl Stack {
    /// Compares a source's lists with the stack's rows, by the operator's own command. Returns its
    /// exit code and its output.
    ///
    /// # Errors
    ///
    /// [`StackError::Process`] if the command cannot be started.
    pub async fn reconcile(&self, source: &str) -> Result<(i32, String), StackError> {
        let arguments = [format!("--stack={}", self.name), format!("--source={source}")];
        script::outcome(&self.local, "infra/reconcile.py", &arguments).await
    }

    /// Copies all that is there, and writes lost files of some days again, by the operator's own
    /// command. Returns its exit code and its output.
    ///
    /// # Errors
    ///
    /// [`StackError::Process`] if the command cannot be started.
    pub async fn archive(&self, from: &str, to: &str) -> Result<(i32, String), StackError> {
        let arguments =
            [format!("--stack={}", self.name), format!("--from={from}"), format!("--to={to}")];
        script::outcome(&self.local, "infra/archive.py", &arguments).await
    }
}
