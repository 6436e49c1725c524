//! Certificates for the services over TLS: an authority of our own, an intermediate, and a leaf,
//! a chain as long as those of Amazon.

use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// An acceptor for `127.0.0.1`, and the authority's certificate as PEM.
pub(crate) fn acceptor() -> Result<(TlsAcceptor, String)> {
    let root = CertifiedIssuer::self_signed(authority("the benchmark's authority")?, key()?)
        .context("the root cannot be made")?;
    let middle = CertifiedIssuer::signed_by(authority("the benchmark's issuer")?, key()?, &root)
        .context("the intermediate cannot be made")?;
    let leaf_key = key()?;
    let leaf = CertificateParams::new(["127.0.0.1".to_owned()])
        .and_then(|parameters| parameters.signed_by(&leaf_key, &middle))
        .context("the leaf cannot be made")?;

    let chain = vec![leaf.der().clone(), middle.der().clone()];
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(chain, private)
        })
        .context("TLS cannot be set up")?;
    Ok((TlsAcceptor::from(Arc::new(config)), root.pem()))
}

fn authority(name: &str) -> Result<CertificateParams> {
    let mut parameters = CertificateParams::new([]).context("a certificate cannot be described")?;
    parameters
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(parameters)
}

fn key() -> Result<KeyPair> {
    KeyPair::generate().context("a key cannot be made")
}
