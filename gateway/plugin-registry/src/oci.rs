//! An OCI registry: the places that companies keep container images in.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryStreamExt};
use oci_client::client::{Client, ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::OciImageManifest;
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, RegistryOperation};
use plugin_package::{Package, PluginName, RegistryError, digest};
use semver::Version;

use crate::{MOST, Registry, place, sorted, taken, too_large, unknown};

/// What a package is called among other artifacts.
const ARTIFACT: &str = "application/vnd.moegate.plugin.v1";
const LAYER: &str = "application/vnd.moegate.plugin.package.v1.tar";
/// The empty configuration of artifacts that are no images (OCI image specification 1.1, "Guidance for an empty
/// descriptor").
const NOTHING: (&[u8], &str) = (b"{}", "application/vnd.oci.empty.v1+json");
/// Tags that are asked for at once.
const PAGE: usize = 100;
/// Pages of tags that are read.
const PAGES: usize = 100;

/// Who asks.
#[derive(Clone, Default)]
pub enum Login {
    /// Nobody in particular.
    #[default]
    Anonymous,
    /// User and password.
    Basic(String, String),
    /// A token.
    Bearer(String),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Basic(..) => "Basic",
            Self::Bearer(_) => "Bearer",
        })
    }
}

impl From<Login> for RegistryAuth {
    fn from(login: Login) -> Self {
        match login {
            Login::Anonymous => Self::Anonymous,
            Login::Basic(user, password) => Self::Basic(user, password),
            Login::Bearer(token) => Self::Bearer(token),
        }
    }
}

/// Packages in an OCI registry: `<prefix>/<namespace>/<name>:<version>`, one layer each.
pub struct OciRegistry {
    client: Client,
    auth: RegistryAuth,
    host: String,
    prefix: Option<String>,
}

impl fmt::Debug for OciRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OciRegistry")
            .field("host", &self.host)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// A version as a tag: `+` may not stand in one.
fn tag(version: &Version) -> String {
    version.to_string().replace('+', "_")
}

fn is_absent(why: &OciDistributionError) -> bool {
    match why {
        OciDistributionError::ImageManifestNotFoundError(_) => true,
        OciDistributionError::ServerError { code, .. } => *code == 404,
        OciDistributionError::RegistryError { envelope, .. } => envelope.errors.iter().any(|one| {
            matches!(
                one.code,
                OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown | OciErrorCode::NotFound
            )
        }),
        _ => false,
    }
}

impl OciRegistry {
    /// The registry of `host/prefix`: over TLS, but on this machine over plain HTTP, as container tools do.
    ///
    /// # Errors
    /// No repository can be named below it.
    pub fn new(address: &str, login: Login) -> Result<Self, RegistryError> {
        let address = address.trim_end_matches('/');
        let (host, prefix) = match address.split_once('/') {
            Some((host, prefix)) => (host, Some(prefix.to_owned())),
            None => (address, None),
        };
        let form = "an OCI registry is oci://host or oci://host/prefix, in small letters";
        let whole = format!("oci://{address}");
        let sample = format!("{address}/namespace/name:0.0.0");
        let named = sample.parse::<Reference>();
        if host.is_empty() || !named.is_ok_and(|named| named.registry() == host) {
            return Err(place(&whole, &form));
        }
        let plain = if is_loopback(host) {
            vec![host.to_owned()]
        } else {
            Vec::new()
        };
        let config = ClientConfig {
            protocol: ClientProtocol::HttpsExcept(plain),
            connect_timeout: Some(Duration::from_secs(10)),
            read_timeout: Some(Duration::from_secs(30)),
            // An index would name one package per platform: a plugin has none.
            platform_resolver: None,
            user_agent: concat!("moegate/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).map_err(|why| place(&whole, &why))?;
        Ok(Self {
            client,
            auth: login.into(),
            host: host.to_owned(),
            prefix,
        })
    }

    fn reference(&self, name: &PluginName, tag: String) -> Reference {
        let repository = match &self.prefix {
            Some(prefix) => format!("{prefix}/{name}"),
            None => name.to_string(),
        };
        Reference::with_tag(self.host.clone(), repository, tag)
    }

    fn failed(&self, why: &impl ToString) -> RegistryError {
        place(&format!("oci://{}", self.host), why)
    }

    /// The layer of a version, and its size; `None` where there is no such version.
    async fn layer(
        &self,
        image: &Reference,
    ) -> Result<Option<oci_client::manifest::OciDescriptor>, RegistryError> {
        let manifest = match self.client.pull_image_manifest(image, &self.auth).await {
            Ok((manifest, _)) => manifest,
            Err(why) if is_absent(&why) => return Ok(None),
            Err(why) => return Err(self.failed(&why)),
        };
        let mut layers = manifest.layers.into_iter();
        match (layers.next(), layers.next()) {
            (Some(layer), None) if layer.media_type == LAYER => Ok(Some(layer)),
            _ => Err(self.failed(&format!("{image} is no plugin"))),
        }
    }

    async fn push(&self, package: &Package) -> Result<(), RegistryError> {
        let own = package.manifest();
        let image = self.reference(&own.name, tag(&own.version));
        let bytes = package.pack()?;
        let sha256 = format!("sha256:{}", hex::encode(digest(&bytes)));
        // One token that lets us write as well: one that was given for reading would be used again for the push.
        self.client
            .auth(&image, &self.auth, RegistryOperation::Push)
            .await
            .map_err(|why| self.failed(&why))?;
        if let Some(there) = self.layer(&image).await? {
            return (there.digest == sha256)
                .then_some(())
                .ok_or_else(|| taken(package));
        }
        let layers = [ImageLayer::new(bytes, LAYER.to_owned(), None)];
        let config = Config::new(NOTHING.0.to_vec(), NOTHING.1.to_owned(), None);
        let labels = [
            ("org.opencontainers.image.title", own.name.to_string()),
            ("org.opencontainers.image.version", own.version.to_string()),
            ("org.opencontainers.image.licenses", own.license.clone()),
            (
                "org.opencontainers.image.description",
                own.description.clone(),
            ),
        ];
        let labels = labels
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value));
        let mut manifest = OciImageManifest::build(&layers, &config, Some(labels.collect()));
        manifest.media_type = Some("application/vnd.oci.image.manifest.v1+json".to_owned());
        manifest.artifact_type = Some(ARTIFACT.to_owned());
        let pushed = self
            .client
            .push(&image, &layers, config, &self.auth, Some(manifest))
            .await;
        pushed.map(|_| ()).map_err(|why| self.failed(&why))
    }

    async fn pull(&self, name: &PluginName, version: &Version) -> Result<Vec<u8>, RegistryError> {
        let image = self.reference(name, tag(version));
        let layer = self.layer(&image).await?;
        let layer = layer.ok_or_else(|| unknown(name, version))?;
        let size = u64::try_from(layer.size).unwrap_or(u64::MAX);
        if size > MOST {
            return Err(too_large(&image.to_string(), size));
        }
        let mut stream = self
            .client
            .pull_blob_stream(&image, &layer)
            .await
            .map_err(|why| self.failed(&why))?;
        let mut bytes = Vec::new();
        while let Some(piece) = stream.try_next().await.map_err(|why| self.failed(&why))? {
            bytes.extend_from_slice(&piece);
            if bytes.len() as u64 > size {
                return Err(self.failed(&format!("{image} is longer than it says")));
            }
        }
        if layer.digest != format!("sha256:{}", hex::encode(digest(&bytes))) {
            return Err(self.failed(&format!("{image} has another digest than it says")));
        }
        Ok(bytes)
    }

    async fn tags(&self, name: &PluginName) -> Result<Vec<Version>, RegistryError> {
        let image = self.reference(name, "latest".to_owned());
        let mut all = Vec::new();
        for _ in 0..PAGES {
            let last: Option<String> = all.last().cloned();
            let asked = self
                .client
                .list_tags(&image, &self.auth, Some(PAGE), last.as_deref());
            let page = match asked.await {
                Ok(page) => page.tags,
                Err(why) if is_absent(&why) => Vec::new(),
                Err(why) => return Err(self.failed(&why)),
            };
            // Some registries give all at once, whatever is asked.
            if page.is_empty() || page.last() == last.as_ref() {
                break;
            }
            let is_short = page.len() < PAGE;
            all.extend(page);
            if is_short {
                break;
            }
        }
        let version = |tag: String| tag.replace('_', "+").parse().ok();
        Ok(sorted(all.into_iter().filter_map(version)))
    }
}

impl Registry for OciRegistry {
    fn publish<'a>(&'a self, package: &'a Package) -> BoxFuture<'a, Result<(), RegistryError>> {
        self.push(package).boxed()
    }

    fn fetch<'a>(
        &'a self,
        name: &'a PluginName,
        version: &'a Version,
    ) -> BoxFuture<'a, Result<Vec<u8>, RegistryError>> {
        self.pull(name, version).boxed()
    }

    fn versions<'a>(
        &'a self,
        name: &'a PluginName,
    ) -> BoxFuture<'a, Result<Vec<Version>, RegistryError>> {
        self.tags(name).boxed()
    }
}
