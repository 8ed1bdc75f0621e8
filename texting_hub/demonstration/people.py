"""Who works at Northwind Dental Supply, and why some of them can't text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from provisioning.addresses import Address
from provisioning.models import Role, TextingSetting
from provisioning.models.numbers import NumberSource, TextCapability
from provisioning.models.organizations import PstnConnection
from provisioning.models.users import License

SAN_FRANCISCO: Final = "San Francisco headquarters"
VANCOUVER: Final = "Vancouver distribution centre"
MINNEAPOLIS: Final = "Minneapolis–Saint Paul regional service and returns center"
SACRAMENTO: Final = "Sacramento warehouse"
LEEDS: Final = "Leeds showroom"


NO_ADDRESS: Final = Address()


@dataclass(frozen=True, slots=True)
class Place:
    name: str
    country: str
    time_zone: str
    pstn: str = PstnConnection.CISCO_PSTN
    texting: str = TextingSetting.DEFAULT
    address: Address = NO_ADDRESS


PLACES: Final = (
    Place(
        SAN_FRANCISCO, "US", "America/Los_Angeles",
        address=Address("500 Example Street", "Floor 4", "San Francisco", "CA", "94105"),
    ),
    Place(
        VANCOUVER, "CA", "America/Vancouver", texting=TextingSetting.ON,
        address=Address("200 Example Road", "", "Vancouver", "BC", "V6B 4Y8"),
    ),
    Place(MINNEAPOLIS, "US", "America/Chicago", texting=TextingSetting.OFF),
    Place(
        SACRAMENTO, "US", "America/Los_Angeles", pstn=PstnConnection.LOCAL_GATEWAY,
        address=Address("12 Example Way", "", "Sacramento", "CA", "95814"),
    ),
    Place(LEEDS, "GB", "Europe/London", address=Address("1 Example Row", "", "Leeds", "", "LS1 5HD")),
)  # fmt: skip
"""Minneapolis has no emergency address, so that its page warns."""


@dataclass(frozen=True, slots=True)
class Person:
    """`e164` empty: no number. `linked` False: the number is in no campaign."""

    first_name: str
    last_name: str
    e164: str = ""
    place: str = SAN_FRANCISCO
    role: str = ""
    texting: str = TextingSetting.DEFAULT
    license: str = License.PROFESSIONAL
    capability: str = TextCapability.CAPABLE
    source: str = NumberSource.CISCO_CALLING_PLAN
    linked: bool = True
    active: bool = True

    @property
    def email(self) -> str:
        """firstname.lastname, in ASCII."""
        name = f"{self.first_name.split()[0]}.{self.last_name}".replace("’", "").replace(" ", "")
        return f"{name.lower()}@northwind.example"


PEOPLE: Final = (
    Person("Maya", "Okafor", "+14155550103", role=Role.FULL_ADMIN),
    Person("Teodor", "Vance", "+14155550105", role=Role.READ_ONLY_ADMIN),
    Person("Keiko", "Matsuda", "+14155550108", role=Role.USER_ADMIN),
    Person("Luc", "Tremblay", "+16045550113", VANCOUVER, role=Role.LOCATION_ADMIN),
    Person("Ingrid", "Solberg", "+14155550109", role=Role.COMPLIANCE_OFFICER, license=License.STANDARD),
    Person("Rosalind", "Abernathy", "+14155550101"),
    Person("Tunde", "Adeyemi", "+14155550102"),
    Person("Marguerite", "Beaulieu", "+16045550110", VANCOUVER),
    Person("Maximiliano Alejandro", "Castellanos-Montgomery", "+14155550137", MINNEAPOLIS),
    Person("Wei", "Chen", "+14155550104", texting=TextingSetting.OFF),
    Person("Camille", "Dubois", "+16045550112", VANCOUVER, texting=TextingSetting.ON),
    Person("Linnea", "Eriksson", "+14155550151", SACRAMENTO, source=NumberSource.OTHER),
    Person("Desmond", "Faulkner"),
    Person("Priya", "Grant", "+14155550106", capability=TextCapability.INCAPABLE),
    Person("Simon", "Hartley", "+441134960101", LEEDS, source=NumberSource.OTHER),
    Person("Jack", "Hollis", "+14155550107"),
    Person("Karl", "Iverson", "+16125550138", MINNEAPOLIS),
    Person("Sophie", "Lavoie", "+16045550114", VANCOUVER),
    Person("Astrid", "Lundgren", "+16125550139", MINNEAPOLIS, texting=TextingSetting.ON),
    Person("Linh", "Nguyen", "+14155550111", license=License.STANDARD),
    Person("Niamh", "O’Brien", "+14155550117"),
    Person("Joon", "Park", "+14155550114", capability=TextCapability.UNKNOWN),
    Person("Carlo", "Rossi", "+14155550115"),
    Person("Beatriz", "Santos", "+14155550116", linked=False),
    Person("Grace", "Whitfield", "+14155550118", source=NumberSource.OTHER),
    Person("Li", "Zhang", "+14155550119", active=False),
)
"""No one here has a number of the handset's phones: +1 415 555 0122, 0147, 0188."""
