//! Who asks, and what they may do.

use shoal_error::{CommonCode, Error, Result};

/// Role that runs the shop.
pub(crate) const ADMIN: &str = "admin";
/// Role that hands goods over.
pub(crate) const FULFILMENT: &str = "fulfilment";

/// A verified caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) user_id: String,
    pub(crate) roles: Vec<String>,
}

impl Caller {
    pub(crate) fn is_admin(&self) -> bool {
        self.has(ADMIN)
    }

    /// # Errors
    /// [`CommonCode::PermissionDenied`] for everybody else.
    pub(crate) fn require_admin(&self) -> Result<()> {
        self.require(&[ADMIN])
    }

    /// # Errors
    /// [`CommonCode::PermissionDenied`] for everybody else.
    pub(crate) fn require_fulfilment(&self) -> Result<()> {
        self.require(&[ADMIN, FULFILMENT])
    }

    /// Whether an order of that buyer is the caller's to see.
    pub(crate) fn may_see(&self, buyer: &str) -> bool {
        self.is_admin() || self.has(FULFILMENT) || self.user_id == buyer
    }

    /// Whether an order of that buyer is the caller's to give back.
    pub(crate) fn may_cancel(&self, buyer: &str) -> bool {
        self.is_admin() || self.user_id == buyer
    }

    fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }

    fn require(&self, any_of: &[&str]) -> Result<()> {
        if any_of.iter().any(|role| self.has(role)) {
            return Ok(());
        }
        let text = format!("This needs the role {}.", any_of.join(" or "));
        Err(Error::new(CommonCode::PermissionDenied, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(roles: &[&str]) -> Caller {
        Caller {
            user_id: "usr_1".into(),
            roles: roles.iter().map(|r| (*r).to_owned()).collect(),
        }
    }

    #[test]
    fn strangers_see_nothing_of_each_other() {
        assert!(caller(&[]).may_see("usr_1"));
        assert!(!caller(&[]).may_see("usr_2"));
        assert!(caller(&[ADMIN]).may_cancel("usr_2"));
    }

    #[test]
    fn fulfilment_sees_and_hands_over_but_runs_nothing_else() {
        let worker = caller(&[FULFILMENT]);
        assert!(worker.may_see("usr_2") && worker.require_fulfilment().is_ok());
        assert!(!worker.may_cancel("usr_2") && worker.require_admin().is_err());
    }
}
