//! The billing service's own binary.
shoal_service::main!(shoal_billing::Billing);
