//! Puts the demonstration catalogue in place, through order's own contract.

use std::sync::Arc;

use shoal_discovery::Resolver;
use shoal_error::Result;
use shoal_proto::order::v1::SeedCatalogueRequest;
use shoal_proto::order::v1::catalogue_service_client::CatalogueServiceClient;
use shoal_rpc::{Client, ClientConfig, MeshSecret};

/// Ids of the catalogue's products. Repeating it changes nothing.
pub(crate) async fn catalogue(
    resolver: &Arc<dyn Resolver>,
    mesh: &MeshSecret,
) -> Result<Vec<String>> {
    let config = ClientConfig::new("up", mesh.clone());
    let channel = Client::connect("order", resolver, &config);
    let mut order = CatalogueServiceClient::new(channel);
    let seeded = shoal_rpc::call(order.seed_catalogue(SeedCatalogueRequest {})).await?;
    Ok(seeded
        .products
        .into_iter()
        .map(|product| product.id)
        .collect())
}
