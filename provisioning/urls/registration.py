"""Addresses of registration: pages, and their part of /api/v1/."""

from django.urls import URLPattern, path

from provisioning.api import registration as api
from provisioning.views import campaign_numbers, registration, registry_webhook

urlpatterns: list[URLPattern] = [
    path("webhooks/registry/<uuid:registry_account_id>/", registry_webhook.receive, name="registry_webhook"),
    path("registration/", registration.registration, name="registration"),
    path("registration/brands/new/", registration.new_brand, name="new_brand"),
    path("registration/brands/<uuid:brand_id>/", registration.brand, name="brand"),
    path("registration/brands/<uuid:brand_id>/edit/", registration.edit_brand, name="edit_brand"),
    path("registration/brands/<uuid:brand_id>/submit/", registration.submit_brand, name="submit_brand"),
    path("registration/campaigns/new/", registration.new_campaign, name="new_campaign"),
    path("registration/campaigns/<uuid:campaign_id>/", registration.campaign, name="campaign"),
    path("registration/campaigns/<uuid:campaign_id>/edit/", registration.edit_campaign, name="edit_campaign"),
    path("registration/campaigns/<uuid:campaign_id>/submit/", registration.submit_campaign, name="submit_campaign"),
    path(
        "registration/campaigns/<uuid:campaign_id>/numbers/", campaign_numbers.campaign_numbers, name="campaign_numbers"
    ),
]

api_urlpatterns: list[URLPattern] = [
    path("brands", api.Brands.as_view(), name="brands"),
    path("brands/<uuid:brand_id>", api.OneBrand.as_view(), name="brand"),
    path("brands/<uuid:brand_id>/submit", api.SubmitBrand.as_view(), name="submit_brand"),
    path("campaigns", api.Campaigns.as_view(), name="campaigns"),
    path("campaigns/<uuid:campaign_id>", api.OneCampaign.as_view(), name="campaign"),
    path("campaigns/<uuid:campaign_id>/submit", api.SubmitCampaign.as_view(), name="submit_campaign"),
    path("campaigns/<uuid:campaign_id>/numbers", api.CampaignNumbers.as_view(), name="campaign_numbers"),
    path("campaigns/<uuid:campaign_id>/numbers/<uuid:number_id>", api.CampaignNumber.as_view(), name="campaign_number"),
]
