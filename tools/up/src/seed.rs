//! Puts the demonstration catalogue in place, through order's own contract.

use std::sync::Arc;

use shoal_discovery::Resolver;
use shoal_error::Result;
use shoal_proto::order::v1::SeedCatalogueRequest;
use shoal_proto::order::v1::catalogue_service_client::CatalogueServiceClient;
use shoal_rpc::{Client, ClientConfig, MeshSecret};
use tonic::Request;
use tonic::metadata::MetadataValue;

/// Ids of the catalogue's products. Repeating it changes nothing.
pub(crate) async fn catalogue(
    resolver: &Arc<dyn Resolver>,
    mesh: &MeshSecret,
) -> Result<Vec<String>> {
    let config = ClientConfig::new("up", mesh.clone());
    let channel = Client::connect("order", resolver, &config);
    let mut order = CatalogueServiceClient::new(channel);
    let mut request = Request::new(SeedCatalogueRequest {});
    // Behind the mesh secret the caller says who it is and what it may.
    for (key, value) in [("x-shoal-user", "up"), ("x-shoal-roles", "admin")] {
        request
            .metadata_mut()
            .insert(key, MetadataValue::from_static(value));
    }
    let seeded = shoal_rpc::call(order.seed_catalogue(request)).await?;
    Ok(seeded
        .products
        .into_iter()
        .map(|product| product.id)
        .collect())
}
