//! The auth service's own binary.

shoal_service::main!(shoal_auth::Auth);
