//! What the gateway can answer besides the common codes.

shoal_error::codes! {
    /// Codes of the gateway.
    pub enum GatewayCode("gateway") {
        /// Rules that cannot be meant.
        GrayRulesInvalid: "gateway.gray_rules_invalid", Unprocessable, "Invalid gray rules",
            "Correct what is listed under `errors`; the rules are as they were.";
    }
}
