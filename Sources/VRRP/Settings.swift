package import Primitives

/// One address that a virtual router lends to whichever node is MASTER.
package struct VirtualAddress: Hashable, Sendable {
    package var prefix: Prefix
    /// Nil: the router's own interface.
    package var interface: String?
    /// The kernel's address label, such as `eth0:vip`; at most 15 bytes.
    package var label: String?
    /// `rtnetlink(7)` scope: 0 global, 200 site, 253 link, 254 host.
    package var scope: UInt8
    package var broadcast: IPv4Address?
    /// The other end of a point-to-point address (`peer`).
    package var peer: Prefix?
    /// Without a route to its network (`noprefixroute`).
    package var hasNoPrefixRoute = false
    /// Whole seconds for which the address may be a source (`preferred_lft`); nil: as long as it is there.
    package var preferredLifetime: UInt32?
    /// False (`no_track`): its removal by someone else is none of the router's business.
    package var isTracked = true
    /// IPv6's `home` and `mngtmpaddr`, IPv4's `autojoin`: flags of rtnetlink(7), passed on.
    package var flags: UInt32 = 0

    package init(
        prefix: Prefix,
        interface: String? = nil,
        label: String? = nil,
        scope: UInt8 = 0,
        broadcast: IPv4Address? = nil
    ) {
        self.prefix = prefix
        self.interface = interface
        self.label = label
        self.scope = scope
        self.broadcast = broadcast
    }
}

/// What a virtual router is told by its configuration (keepalived.conf(5), `vrrp_instance`).
package struct RouterSettings: Equatable, Sendable {
    /// The name of the `vrrp_instance`, for people only; its identity is VRID and interface.
    package var name: String
    package var interface: String
    /// 1 to 255.
    package var virtualRouterID: UInt8
    /// 1 to 254, or 255 for the owner of the addresses.
    package var basePriority: UInt8
    package var advertisementInterval: Duration
    package var addresses: [VirtualAddress]
    /// Take over from a MASTER of lower priority (RFC 3768 §6.1 Preempt_Mode).
    package var preempt: Bool
    /// How long a MASTER of lower priority is left alone before it is preempted.
    package var preemptDelay: Duration
    package var authentication: Authentication
    /// Bursts of gratuitous ARP on takeover: how many a burst, and when the second one follows (zero: never).
    package var announcementsPerBurst: Int
    package var secondBurstDelay: Duration
    /// Zero: no periodic refresh.
    package var announcementRefresh: Duration
    /// The kernel's lifetime of an address in whole seconds; zero: addresses without one.
    package var addressLifetime: Duration
    /// Checks whose outcome moves the priority or faults the router, by name.
    package var tracks: [Track]

    package var version: ProtocolVersion = .v2
    /// Of the advertisements and of the advertised addresses; IPv6 is always version 3.
    package var family: AddressFamily = .v4
    package var transport: Transport = .multicast(group: nil)
    /// `mcast_src_ip`, `unicast_src_ip`: what advertisements come from; nil: the interface's primary
    /// address, for IPv6 its link-local one.
    package var configuredSource: IPAddress?
    /// `track_src_ip`: a configured source that the interface lacks is a fault.
    package var tracksSource = false
    /// Claimed and released with the others, but not advertised; of either family.
    package var excludedAddresses: [VirtualAddress] = []
    /// `v3_checksum_as_v2`: IPv4 without the pseudo header (RFC 9568 §5.2.8). Both are accepted.
    package var omitsPseudoHeader = false
    /// `down_timer_adverts`, 1 to 100: silent intervals until a MASTER counts as gone.
    package var downTimerAdvertisements = 3
    /// `higher_prio_send_advert`: a MASTER that yields says so with one more advertisement.
    package var yieldsAloud = false
    /// `lower_prio_no_advert` is false here: a MASTER that hears a lower priority advertises at once.
    package var answersLowerPriority = true
    /// `vrrp_startup_delay`: so long after the first start the router neither speaks nor claims.
    package var startupDelay: Duration = .zero
    /// `garp_master_refresh_repeat`.
    package var announcementsPerRefresh = 1
    /// `garp_lower_prio_repeat` and `garp_lower_prio_delay`: the bursts that answer a rival; nil: as on takeover.
    package var announcementsPerAnswer: Int?
    package var secondAnswerDelay: Duration?
    /// `vrrp_garp_interval`, `vrrp_gna_interval`: the pace of gratuitous ARP and of neighbour advertisements.
    package var arpPace: Duration = .zero
    package var neighbourPace: Duration = .zero
    /// False (`dont_track_primary`): the state of its own interface is no fault.
    package var tracksOwnInterface = true
    /// A member of a `vrrp_sync_group`: it says that it wants to be MASTER, and `GroupElection` lets it.
    package var isGrouped = false
    /// `use_vmac`: advertisements and addresses live on an interface with the virtual router's MAC.
    package var virtualInterface: VirtualInterface?
    /// `promote_secondaries`: set for the interface, so that the VIP survives its network's first address.
    package var promotesSecondaries = false
    /// `track_gateway` (Tandem's own): who hears nobody, not even this address, claims nothing, and lets go.
    package var gateway: GatewayWitness?

    package init(
        name: String,
        interface: String,
        virtualRouterID: UInt8,
        basePriority: UInt8 = 100,
        advertisementInterval: Duration = .seconds(1),
        addresses: [VirtualAddress],
        preempt: Bool = true,
        preemptDelay: Duration = .zero,
        authentication: Authentication = .none,
        announcementsPerBurst: Int = 5,
        secondBurstDelay: Duration = .seconds(5),
        announcementRefresh: Duration = .zero,
        addressLifetime: Duration = .seconds(2),
        tracks: [Track] = []
    ) {
        self.name = name
        self.interface = interface
        self.virtualRouterID = virtualRouterID
        self.basePriority = basePriority
        self.advertisementInterval = advertisementInterval
        self.addresses = addresses
        self.preempt = preempt
        self.preemptDelay = preemptDelay
        self.authentication = authentication
        self.announcementsPerBurst = announcementsPerBurst
        self.secondBurstDelay = secondBurstDelay
        self.announcementRefresh = announcementRefresh
        self.addressLifetime = addressLifetime
        self.tracks = tracks
    }
}

package enum ProtocolVersion: UInt8, Sendable {
    /// RFC 3768, with RFC 2338's password.
    case v2 = 2
    /// RFC 9568.
    case v3 = 3
}

/// Which gateway a router asks whether it is alone.
package enum GatewayWitness: Equatable, Sendable {
    /// The default route's by way of the router's interface, whichever that is at the time.
    case automatic
    case address(IPAddress)
}

/// To whom a router advertises.
package enum Transport: Equatable, Sendable {
    /// Nil: 224.0.0.18 or ff02::12.
    case multicast(group: IPAddress?)
    /// `unicast_peer`; `timeToLive` is what our own packets leave with, 255 by default. `checksSource`:
    /// who is no peer is not heard.
    case unicast(peers: [UnicastPeer], timeToLive: UInt8, checksSource: Bool)
}

package struct UnicastPeer: Hashable, Sendable {
    package var address: IPAddress
    /// `min_ttl` and `max_ttl` of what it sends, 0 to 255.
    package var timeToLive: ClosedRange<UInt8>

    package init(address: IPAddress, timeToLive: ClosedRange<UInt8> = 0...255) {
        self.address = address
        self.timeToLive = timeToLive
    }
}

/// `use_vmac`: a macvlan in private mode with 00:00:5e:00:01:VRID, or 02 for IPv6 (RFC 9568 §7.3).
package struct VirtualInterface: Equatable, Sendable {
    /// At most 15 bytes; keepalived's default is `vrrp.VRID`, and `vrrp6.VRID` for IPv6.
    package var name: String
    /// `vmac_xmit_base`: advertisements leave from the interface below.
    package var advertisesFromBase: Bool

    package init(name: String, advertisesFromBase: Bool = false) {
        self.name = name
        self.advertisesFromBase = advertisesFromBase
    }
}

/// A check that a router follows (`track_script`, `track_interface`, `track_process`, `track_file`).
package struct Track: Equatable, Sendable {
    package enum Subject: Hashable, Sendable {
        case script(String)
        case interface(String)
        /// `vrrp_track_process`, by its name.
        case process(String)
        /// `vrrp_track_file`, by its name; its number times the weight is what counts.
        case file(String)
    }

    package var subject: Subject
    /// -253 to 253; 0: a failure faults the router. Positive: added while the check succeeds;
    /// negative: added (so subtracted) while it fails.
    package var weight: Int
    /// `reverse`: the weight is added with its sign turned round, while the same outcome as ever
    /// decides; with weight 0, a success is the fault.
    package var reversed: Bool

    package init(subject: Subject, weight: Int, reversed: Bool = false) {
        self.subject = subject
        self.weight = weight
        self.reversed = reversed
    }
}
