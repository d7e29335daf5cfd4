"""What others send us: one file per sender, from bytes to facts. An unknown name is refused with the known ones."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.intake import (
    alertmanager,
    argocd,
    argorollouts,
    azuredevops,
    buildkite,
    circleci,
    cloudevents,
    cloudwatch,
    codedeploy,
    datadog,
    deploys,
    flagger,
    flagsmith,
    flux,
    generic,
    github,
    gitlab,
    grafana,
    heroku,
    jenkins,
    launchdarkly,
    netlify,
    opsgenie,
    pagerduty,
    prometheus,
    sentry,
    statuspage,
    unleash,
    vercel,
)
from handlers.intake.sender import Delivery, Fact, Sender, kind, shown
from handlers.intake.source import Source

__all__ = ["SENDERS", "Delivery", "Fact", "Sender", "Source", "kind", "shown"]

SENDERS: Mapping[str, Sender] = {
    "alertmanager": alertmanager.SENDER,
    "argocd": argocd.SENDER,
    "argorollouts": argorollouts.SENDER,
    "azuredevops": azuredevops.SENDER,
    "buildkite": buildkite.SENDER,
    "circleci": circleci.SENDER,
    "cloudevents": cloudevents.SENDER,
    "cloudwatch": cloudwatch.SENDER,
    "codedeploy": codedeploy.SENDER,
    "datadog": datadog.SENDER,
    "deploys": deploys.SENDER,
    "flagger": flagger.SENDER,
    "flagsmith": flagsmith.SENDER,
    "flux": flux.SENDER,
    "generic": generic.SENDER,
    "github": github.SENDER,
    "gitlab": gitlab.SENDER,
    "grafana": grafana.SENDER,
    "heroku": heroku.SENDER,
    "jenkins": jenkins.SENDER,
    "launchdarkly": launchdarkly.SENDER,
    "netlify": netlify.SENDER,
    "opsgenie": opsgenie.SENDER,
    "pagerduty": pagerduty.SENDER,
    "prometheus": prometheus.SENDER,
    "sentry": sentry.SENDER,
    "statuspage": statuspage.SENDER,
    "unleash": unleash.SENDER,
    "vercel": vercel.SENDER,
}
