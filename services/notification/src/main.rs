//! The notification service's own binary.
shoal_service::main!(shoal_notification::Notification);
