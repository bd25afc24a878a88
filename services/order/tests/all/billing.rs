//! A billing service that does as it is told and counts every cent: a real gRPC
//! server in the test's process, so it outlives a killed order service.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use shoal_error::{CodeSpec, CommonCode, Error, Kind};
use shoal_proto::billing::v1 as pb;
use shoal_proto::billing::v1::PaymentStatus as Is;
use shoal_proto::billing::v1::billing_service_server::{BillingService, BillingServiceServer};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::{Request, Response, Status};

/// What the next call of a method does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Refuses as the provider would.
    Decline,
    /// Refuses as a fault of the request.
    Refuse,
    /// Fails without effect.
    Fail,
    /// Takes effect, and its answer is lost.
    LoseAnswer,
    /// Takes effect after the caller has given up.
    Late(Duration),
}

/// One payment as billing has it.
#[derive(Clone, Debug)]
pub(crate) struct Payment {
    pub(crate) id: String,
    pub(crate) reference: String,
    pub(crate) amount: i64,
    pub(crate) status: Is,
}

#[derive(Debug, Default)]
struct Books {
    payments: Vec<Payment>,
    /// Answers by method and key, as the contract promises.
    keys: HashMap<(String, String), String>,
    cancelled: Vec<String>,
    script: HashMap<&'static str, VecDeque<Act>>,
    calls: HashMap<&'static str, usize>,
    traces: Vec<String>,
    /// Calls that have not had their effect yet.
    late: usize,
}

/// The server. Clones share the books.
#[derive(Clone, Debug)]
pub(crate) struct FakeBilling {
    books: Arc<Mutex<Books>>,
    addr: SocketAddr,
    server: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl FakeBilling {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let billing = Self {
            books: Arc::default(),
            addr,
            server: Arc::default(),
        };
        billing.serve(listener);
        billing
    }

    fn serve(&self, listener: TcpListener) {
        let service = BillingServiceServer::new(self.clone());
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        let server = tonic::transport::Server::builder().add_service(service);
        #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
        let task = tokio::spawn(async move { server.serve_with_incoming(incoming).await.unwrap() });
        *self.server.lock().unwrap() = Some(task);
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes the server away: nobody listens any more.
    pub(crate) fn go_down(&self) {
        if let Some(task) = self.server.lock().unwrap().take() {
            task.abort();
        }
    }

    /// What the next calls of a method do; after these they succeed.
    pub(crate) fn script(&self, method: &'static str, acts: impl IntoIterator<Item = Act>) {
        self.books().script.entry(method).or_default().extend(acts);
    }

    pub(crate) fn calls(&self, method: &'static str) -> usize {
        self.books().calls.get(method).copied().unwrap_or(0)
    }

    /// Payments made for an order.
    pub(crate) fn payments(&self, order_id: &str) -> Vec<Payment> {
        let books = self.books();
        books
            .payments
            .iter()
            .filter(|p| p.reference == order_id)
            .cloned()
            .collect()
    }

    /// Every payment there is.
    pub(crate) fn all_payments(&self) -> Vec<Payment> {
        self.books().payments.clone()
    }

    /// `traceparent` of every call, in order.
    pub(crate) fn traces(&self) -> Vec<String> {
        self.books().traces.clone()
    }

    /// Whether every late call has had its effect.
    pub(crate) fn is_settled(&self) -> bool {
        self.books().late == 0
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }

    fn next<T>(&self, method: &'static str, request: &Request<T>) -> Option<Act> {
        let mut books = self.books();
        *books.calls.entry(method).or_default() += 1;
        let trace = request
            .metadata()
            .get("traceparent")
            .and_then(|v| v.to_str().ok());
        books.traces.push(trace.unwrap_or_default().to_owned());
        books.script.get_mut(method).and_then(VecDeque::pop_front)
    }

    /// Does `work` as the script says.
    async fn act<T>(
        &self,
        act: Option<Act>,
        work: impl Fn(&mut Books) -> Result<T, Error> + Send + 'static,
    ) -> Result<Response<T>, Status>
    where
        T: Send + 'static,
    {
        match act {
            Some(Act::Decline) => return Err(declined().into()),
            Some(Act::Refuse) => {
                let text = "There is no such payment method.";
                return Err(Error::new(CommonCode::InvalidField, text).into());
            }
            Some(Act::Fail) => return Err(away().into()),
            Some(Act::LoseAnswer) => {
                work(&mut self.books())?;
                return Err(away().into());
            }
            Some(Act::Late(delay)) => {
                let billing = self.clone();
                billing.books().late += 1;
                // A task of its own: it goes on when the caller hangs up.
                #[expect(clippy::disallowed_methods, reason = "outlives the call on purpose")]
                let late = tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    let mut books = billing.books();
                    books.late -= 1;
                    work(&mut books)
                });
                return Ok(Response::new(late.await.unwrap()?));
            }
            None => {}
        }
        Ok(Response::new(work(&mut self.books())?))
    }
}

impl Books {
    fn authorize(&mut self, request: &pb::AuthorizeRequest) -> Result<pb::Payment, Error> {
        let key = ("authorize".to_owned(), request.idempotency_key.clone());
        if let Some(id) = self.keys.get(&key) {
            return Ok(self.view(id));
        }
        if self.cancelled.contains(&request.reference) {
            return Err(Error::new(
                CommonCode::Conflict,
                "The reference is cancelled.",
            ));
        }
        let sum: i64 = request
            .lines
            .iter()
            .map(|l| i64::from(l.quantity) * l.unit_price.as_ref().unwrap().minor_units)
            .sum();
        let amount = request.amount.as_ref().unwrap().minor_units;
        assert_eq!(sum, amount, "the invoice's lines add up to the amount");
        let id = shoal_store::id::new("pay");
        self.payments.push(Payment {
            id: id.clone(),
            reference: request.reference.clone(),
            amount,
            status: Is::Authorized,
        });
        self.keys.insert(key, id.clone());
        Ok(self.view(&id))
    }

    fn capture(&mut self, request: &pb::CaptureRequest) -> Result<pb::Payment, Error> {
        let key = ("capture".to_owned(), request.idempotency_key.clone());
        if let Some(id) = self.keys.get(&key) {
            return Ok(self.view(id));
        }
        let payment = self
            .payments
            .iter_mut()
            .find(|p| p.id == request.payment_id)
            .unwrap();
        if payment.status != Is::Authorized {
            return Err(Error::new(
                CommonCode::Conflict,
                "The payment is not authorized.",
            ));
        }
        payment.status = Is::Captured;
        self.keys.insert(key, request.payment_id.clone());
        Ok(self.view(&request.payment_id))
    }

    fn cancel(&mut self, reference: &str) -> pb::CancelByReferenceResponse {
        self.cancelled.push(reference.to_owned());
        for payment in self
            .payments
            .iter_mut()
            .filter(|p| p.reference == reference)
        {
            payment.status = match payment.status {
                Is::Authorized => Is::Voided,
                Is::Captured => Is::Refunded,
                other => other,
            };
        }
        pb::CancelByReferenceResponse {
            payments: Vec::new(),
            settled: true,
        }
    }

    fn view(&self, id: &str) -> pb::Payment {
        let payment = self.payments.iter().find(|p| p.id == id).unwrap();
        pb::Payment {
            id: payment.id.clone(),
            reference: payment.reference.clone(),
            status: payment.status.into(),
            ..pb::Payment::default()
        }
    }
}

#[tonic::async_trait]
impl BillingService for FakeBilling {
    async fn authorize(
        &self,
        request: Request<pb::AuthorizeRequest>,
    ) -> Result<Response<pb::AuthorizeResponse>, Status> {
        let act = self.next("authorize", &request);
        let request = request.into_inner();
        self.act(act, move |books| {
            Ok(pb::AuthorizeResponse {
                payment: Some(books.authorize(&request)?),
            })
        })
        .await
    }

    async fn capture(
        &self,
        request: Request<pb::CaptureRequest>,
    ) -> Result<Response<pb::CaptureResponse>, Status> {
        let act = self.next("capture", &request);
        let request = request.into_inner();
        self.act(act, move |books| {
            let payment = Some(books.capture(&request)?);
            Ok(pb::CaptureResponse {
                payment,
                invoice_id: "inv_1".to_owned(),
            })
        })
        .await
    }

    async fn cancel_by_reference(
        &self,
        request: Request<pb::CancelByReferenceRequest>,
    ) -> Result<Response<pb::CancelByReferenceResponse>, Status> {
        let act = self.next("cancel", &request);
        let reference = request.into_inner().reference;
        self.act(act, move |books| Ok(books.cancel(&reference)))
            .await
    }

    async fn void(
        &self,
        _: Request<pb::VoidRequest>,
    ) -> Result<Response<pb::VoidResponse>, Status> {
        Err(Status::unimplemented("order does not call it"))
    }

    async fn refund(
        &self,
        _: Request<pb::RefundRequest>,
    ) -> Result<Response<pb::RefundResponse>, Status> {
        Err(Status::unimplemented("order does not call it"))
    }

    async fn get_payment(
        &self,
        _: Request<pb::GetPaymentRequest>,
    ) -> Result<Response<pb::GetPaymentResponse>, Status> {
        Err(Status::unimplemented("order does not call it"))
    }

    async fn list_payments_by_reference(
        &self,
        _: Request<pb::ListPaymentsByReferenceRequest>,
    ) -> Result<Response<pb::ListPaymentsByReferenceResponse>, Status> {
        Err(Status::unimplemented("order does not call it"))
    }
}

fn declined() -> Error {
    const DECLINED: CodeSpec = CodeSpec {
        id: "billing.payment_declined",
        kind: Kind::PaymentRequired,
        title: "Payment declined",
        action: "Use another payment method.",
    };
    Error::from_spec(&DECLINED, "The provider declined.")
        .with_meta("decline_reason", "insufficient_funds")
}

fn away() -> Error {
    Error::new(CommonCode::Unavailable, "Billing is away.")
}
