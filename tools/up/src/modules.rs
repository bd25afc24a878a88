//! Which modules run behind the gateway.
//!
//! The list is the one place that names them: ports, addresses, start and walk-through follow from it.

use std::net::SocketAddr;

use shoal_service::{Platform, Running};

use crate::failure::UpError;
use crate::platform::Starting;

macro_rules! modules {
    ($($(#[$doc:meta])* $name:ident: $module:ty,)+) => {
        /// Where everything listens.
        #[derive(Clone, Copy, Debug)]
        pub struct Addresses {
            /// The one door for clients.
            pub gateway: SocketAddr,
            $($(#[$doc])* pub $name: SocketAddr,)+
        }

        /// What they are called.
        pub(crate) const NAMES: [&str; COUNT] = [$(stringify!($name)),+];

        /// How many there are.
        pub(crate) const COUNT: usize = [$(stringify!($name)),+].len();

        impl Addresses {
            /// The gateway's address and those of the services, one after the other.
            pub(crate) fn each(
                mut next: impl FnMut() -> Result<SocketAddr, UpError>,
            ) -> Result<Self, UpError> {
                Ok(Self {
                    gateway: next()?,
                    $($name: next()?,)+
                })
            }

            /// Names and addresses of the services behind the gateway.
            pub fn services(&self) -> [(&'static str, SocketAddr); COUNT] {
                [$((stringify!($name), self.$name)),+]
            }
        }

        /// Starts them one after the other.
        pub(crate) async fn start(
            starting: &Starting<'_>,
            platform: &Platform,
            running: &mut Vec<Running>,
        ) -> Result<(), UpError> {
            $(running.push(
                starting.start::<$module>(starting.addresses.$name, None, platform).await?,
            );)+
            Ok(())
        }

        /// Starts a further instance of one of them, on a free port.
        pub(crate) async fn start_gray(
            starting: &Starting<'_>,
            platform: &Platform,
            name: &str,
            colour: &str,
        ) -> Result<Option<Running>, UpError> {
            let free = SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, 0));
            Ok(match name {
                $(stringify!($name) => {
                    Some(starting.start::<$module>(free, Some(colour), platform).await?)
                })+
                _ => None,
            })
        }
    };
}

// In the order of their start and their ports: each after those that it calls.
modules! {
    /// Users and tokens.
    auth: shoal_auth::Auth,
    /// Payments.
    billing: shoal_billing::Billing,
    /// Orders.
    order: shoal_order::Order,
    /// Messages.
    notification: shoal_notification::Notification,
}
