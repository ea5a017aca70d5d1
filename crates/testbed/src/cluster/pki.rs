//! The certificates of one control plane, made anew for each testbed: one CA, and a leaf
//! per identity. Must not know how the programs use them.

use std::path::{Path, PathBuf};

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// First address of the range that cluster addresses come from.
const KUBERNETES_ADDRESS: &str = "10.96.0.1";

/// Files of the PKI, below one directory.
#[derive(Debug, Clone)]
pub struct Pki {
    dir: PathBuf,
}

impl Pki {
    /// The PKI below `dir`, which [`Pki::make`] fills.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// A file of it, such as `ca.crt`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Makes every key and certificate of a control plane.
    pub fn make(&self) -> anyhow::Result<()> {
        let issuer = self.authority()?;
        let names = ["127.0.0.1", KUBERNETES_ADDRESS, "localhost", "kubernetes.default.svc"];
        let server = named("kube-apiserver", None, &names)?;
        self.leaf("apiserver", server, ExtendedKeyUsagePurpose::ServerAuth, &issuer)?;
        for (file, user, group) in [
            ("admin", "admin", Some("system:masters")),
            ("controllers", "system:kube-controller-manager", None),
            ("scheduler", "system:kube-scheduler", None),
            ("proxy", "system:kube-proxy", None),
            ("node", "system:node:node", Some("system:nodes")),
        ] {
            let params = named(user, group, &[])?;
            self.leaf(file, params, ExtendedKeyUsagePurpose::ClientAuth, &issuer)?;
        }
        let tokens = KeyPair::generate()?;
        self.write("tokens.key", &tokens.serialize_pem())?;
        self.write("tokens.pub", &tokens.public_key_pem())
    }

    /// Makes an authority and the certificate of one server, `file.crt`, that has this name.
    pub fn make_server(&self, file: &str, name: &str) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.dir)?;
        let issuer = self.authority()?;
        let server = named(name, None, &[name])?;
        self.leaf(file, server, ExtendedKeyUsagePurpose::ServerAuth, &issuer)
    }

    fn authority(&self) -> anyhow::Result<Issuer<'static, KeyPair>> {
        let ca_key = KeyPair::generate()?;
        let mut ca = named("testbed-ca", None, &[])?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        self.write("ca.crt", &ca.self_signed(&ca_key)?.pem())?;
        self.write("ca.key", &ca_key.serialize_pem())?;
        Ok(Issuer::new(ca, ca_key))
    }

    fn leaf(
        &self,
        file: &str,
        mut params: CertificateParams,
        purpose: ExtendedKeyUsagePurpose,
        issuer: &Issuer<'_, KeyPair>,
    ) -> anyhow::Result<()> {
        params.extended_key_usages = vec![purpose];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, issuer)?;
        self.write(&format!("{file}.crt"), &certificate.pem())?;
        self.write(&format!("{file}.key"), &key.serialize_pem())
    }

    fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let file = self.file(name);
        std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))
    }
}

fn named(user: &str, group: Option<&str>, addresses: &[&str]) -> anyhow::Result<CertificateParams> {
    let addresses: Vec<String> = addresses.iter().map(|&address| address.to_owned()).collect();
    let mut params = CertificateParams::new(addresses)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, user);
    if let Some(group) = group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    Ok(params)
}
