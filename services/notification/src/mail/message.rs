//! What a mail looks like.

use std::time::{Duration, UNIX_EPOCH};

use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};

use super::Outgoing;
use shoal_queue::Failure;

/// Builds the same mail for every attempt of a delivery.
pub(super) fn build(from: &Mailbox, mail: &Outgoing<'_>) -> Result<Message, Failure> {
    let to = mail.to.expose().parse().map_err(|_| {
        let detail = "the user's address is not one that mail can be sent to";
        Failure::lasting("no_address", detail)
    })?;
    let date = UNIX_EPOCH + Duration::from_millis(u64::try_from(mail.created_at).unwrap_or(0));
    let message_id = format!("<{}@{}>", mail.delivery_id, from.email.domain());
    let builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(mail.content.subject.as_str())
        .date(date)
        .message_id(Some(message_id))
        // Keeps out-of-office programs from answering (RFC 3834).
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".into(),
        ));
    let (text, html) = (mail.content.text.clone(), mail.content.html.clone());
    let built = if html.is_empty() {
        builder.singlepart(SinglePart::plain(text))
    } else {
        builder.multipart(MultiPart::alternative_plain_html(text, html))
    };
    built
        .map_err(|error| Failure::lasting("template", format!("the mail cannot be built: {error}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::domain::address::EmailAddress;
    use crate::domain::template::Rendered;

    fn mail(to: &str, html: &str) -> Result<String, Failure> {
        let content = Rendered {
            subject: "Bestätigt".into(),
            text: "Hallo".into(),
            html: html.into(),
            link: String::new(),
        };
        let outgoing = Outgoing {
            delivery_id: "dlv_1",
            created_at: 1_700_000_000_000,
            to: &EmailAddress::new(to),
            content: &content,
        };
        let from = "Shoal <no-reply@shop.example>".parse().unwrap();
        build(&from, &outgoing).map(|m| String::from_utf8(m.formatted()).unwrap())
    }

    #[test]
    fn a_mail_carries_its_delivery_as_message_id_and_both_bodies() {
        let text = mail("ada@example.com", "<p>Hallo</p>").unwrap();
        assert!(
            text.contains("Message-ID: <dlv_1@shop.example>\r\n"),
            "{text}"
        );
        assert!(text.contains("Auto-Submitted: auto-generated\r\n"));
        assert!(
            text.contains("Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"),
            "{text}"
        );
        assert!(text.contains("text/plain") && text.contains("text/html"));
        assert!(text.contains("multipart/alternative"));
    }

    #[test]
    fn an_address_that_is_none_is_a_lasting_failure_that_does_not_repeat_it() {
        for to in [
            "nonsense",
            "a@b@c",
            "ada@example.com\r\nBcc: eve@example.com",
        ] {
            let refused = mail(to, "").unwrap_err();
            assert_eq!(refused.lasting, Some("no_address"), "{to}");
            assert!(!refused.detail.contains(to));
        }
    }
}
