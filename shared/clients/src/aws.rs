//! The configuration that all AWS clients share, loaded once.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use tokio::sync::OnceCell;

/// Region, credentials and endpoint from the environment, read when first needed.
///
/// TLS is rustls over ring: the default provider gathers entropy for tens of milliseconds first.
#[derive(Debug, Default)]
pub struct Aws {
    config: OnceCell<SdkConfig>,
    #[cfg(feature = "objects")]
    s3: OnceCell<aws_sdk_s3::Client>,
    sqs: OnceCell<aws_sdk_sqs::Client>,
    secrets: OnceCell<aws_sdk_secretsmanager::Client>,
    #[cfg(feature = "sending")]
    ses: OnceCell<aws_sdk_sesv2::Client>,
    #[cfg(feature = "sending")]
    sns: OnceCell<aws_sdk_sns::Client>,
}

impl Aws {
    async fn config(&self) -> &SdkConfig {
        self.config
            .get_or_init(|| async {
                let http = aws_smithy_http_client::Builder::new()
                    .tls_provider(Provider::Rustls(CryptoMode::Ring))
                    .build_https();
                Box::pin(aws_config::defaults(BehaviorVersion::latest()).http_client(http).load())
                    .await
            })
            .await
    }

    /// Returns the client for SQS.
    pub async fn sqs(&self) -> &aws_sdk_sqs::Client {
        self.sqs.get_or_init(|| async { aws_sdk_sqs::Client::new(self.config().await) }).await
    }

    /// Returns the client for Secrets Manager.
    pub async fn secrets(&self) -> &aws_sdk_secretsmanager::Client {
        self.secrets
            .get_or_init(|| async { aws_sdk_secretsmanager::Client::new(self.config().await) })
            .await
    }

    /// Returns the client for S3. An endpoint of one's own has its buckets in the path.
    #[cfg(feature = "objects")]
    pub(crate) async fn s3(&self) -> &aws_sdk_s3::Client {
        use aws_sdk_s3::config::Builder;
        let make = || async {
            let config = self.config().await;
            let is_local = config.endpoint_url().is_some();
            let config = Builder::from(config).force_path_style(is_local);
            aws_sdk_s3::Client::from_conf(config.build())
        };
        self.s3.get_or_init(make).await
    }

    /// Returns the client for SES. It sends each request once: whoever asks knows whether a second
    /// one may do harm.
    #[cfg(feature = "sending")]
    pub(crate) async fn ses(&self) -> &aws_sdk_sesv2::Client {
        use aws_sdk_sesv2::config::Builder;
        use aws_sdk_sesv2::config::retry::RetryConfig;
        let make = || async {
            let once = Builder::from(self.config().await).retry_config(RetryConfig::disabled());
            aws_sdk_sesv2::Client::from_conf(once.build())
        };
        self.ses.get_or_init(make).await
    }

    /// Returns the client for SNS, which sends each request once.
    #[cfg(feature = "sending")]
    pub(crate) async fn sns(&self) -> &aws_sdk_sns::Client {
        use aws_sdk_sns::config::Builder;
        use aws_sdk_sns::config::retry::RetryConfig;
        let make = || async {
            let once = Builder::from(self.config().await).retry_config(RetryConfig::disabled());
            aws_sdk_sns::Client::from_conf(once.build())
        };
        self.sns.get_or_init(make).await
    }
}
