package import Primitives
package import Rules

/// All of one or more haproxy.cfg files that Tandem acts on (HAProxy configuration manual §2 to §5).
package struct HAProxyConfiguration: Equatable, Sendable {
    package var global: GlobalSection
    package var proxies: [ProxySection]

    package init(global: GlobalSection = GlobalSection(), proxies: [ProxySection] = []) {
        self.global = global
        self.proxies = proxies
    }
}

/// The `global` section.
package struct GlobalSection: Equatable, Sendable {
    /// Nil: as many as the descriptors allow.
    package var maxconn: Int?
    /// `spread-checks`: by so many percent the time between checks varies.
    package var checkSpread = 0
    package var user: String?
    package var group: String?
    package var uid: UInt32?
    package var gid: UInt32?
    package var logs: [LogTarget] = []
    /// `log-tag`; nil: `haproxy`.
    package var logTag: String?
    /// `log-send-hostname`: nil does not send one; an empty string sends the node's own.
    package var logHostname: String?
    package var threads: Int?
    /// `tune.engine`, Tandem's own keyword: by what the kernel is asked to move bytes.
    package enum Engine: String, Equatable, Sendable {
        /// io_uring where the kernel has what it takes, else epoll.
        case automatic = "auto"
        case epoll
        case ring = "io_uring"
    }

    package var engine: Engine = .automatic
    /// `tune.buffers.limit`: buffers of full size, in all; HAProxy's is a limit on all buffers.
    package var bufferLimit: Int?
    /// How long a proxy that is told to end with its sessions waits for them.
    package var hardStopAfter: Duration = .seconds(300)
    package var pidfile: String?
    /// `stats socket` lines are kept for the runtime API.
    package var statsSockets: [String] = []

    package init() {}
}

/// A `log` line (§4.2).
package struct LogTarget: Equatable, Sendable {
    package enum Destination: Equatable, Sendable {
        case udp(address: IPAddress, port: UInt16)
        case unix(path: String)
        case standardOutput
        case standardError
    }

    package enum Format: String, Equatable, Sendable {
        case rfc3164
        case rfc5424
        case raw
        case short
        case timed
        case priority
        case iso
        case local
    }

    package var destination: Destination
    /// Syslog facility number: local0 is 16.
    package var facility: UInt8
    /// The least severe level that is sent: 0 emerg to 7 debug.
    package var maximumLevel: UInt8
    /// The most severe level a message is sent with.
    package var minimumLevel: UInt8
    package var length: Int
    package var format: Format

    package init(
        destination: Destination,
        facility: UInt8,
        maximumLevel: UInt8 = 7,
        minimumLevel: UInt8 = 0,
        length: Int = 1024,
        format: Format = .rfc3164
    ) {
        self.destination = destination
        self.facility = facility
        self.maximumLevel = maximumLevel
        self.minimumLevel = minimumLevel
        self.length = length
        self.format = format
    }
}

/// A `frontend`, `backend` or `listen` section with the defaults already applied.
package struct ProxySection: Equatable, Sendable {
    package enum Kind: String, Sendable {
        case frontend
        case backend
        case listen
    }

    package enum Balance: String, Sendable {
        case roundrobin
        case staticRoundRobin = "static-rr"
        case leastconn
        case source
        case first
        case random
    }

    package var kind: Kind
    package var name: String
    package var location: SourceLocation
    package var binds: [BindAddress] = []
    package var servers: [ServerLine] = []
    package var defaultBackend: String?
    /// `use_backend`, in order: the first that holds.
    package var backendChoices: [BackendChoice] = []
    /// `tcp-request connection`: when a connection was accepted.
    package var connectionRules = RuleList()
    /// `tcp-request session`: when its PROXY header was read, if one is expected.
    package var sessionRules = RuleList()
    /// `tcp-request content`: while its first bytes come in.
    package var contentRules = RuleList()
    /// `tcp-request inspect-delay`: how long `contentRules` may wait for bytes; nil: not at all.
    package var inspectDelay: Duration?
    package var stickTable: StickTableSettings?
    package var stickRules: [StickRule] = []
    package var balance: Balance = .roundrobin
    /// `random(N)`: the least loaded of so many is taken.
    package var randomDraws = 2
    /// `hash-type consistent`, for `balance source`; else the map.
    package var hashesConsistently = false
    /// The `avalanche` modifier of `hash-type`.
    package var hashAvalanches = false
    /// Nil: a tenth of the connections that may reach the backend.
    package var fullconn: Int?
    /// Nil: the global one.
    package var maxconn: Int?
    package var logs: [LogTarget] = []
    package var optionTCPLog = false
    package var optionDontLogNull = false
    package var optionLogASAP = false
    package var optionLogHealthChecks = false
    package var optionAllBackups = false
    package var optionAbortOnClose = false
    package var optionNoLinger = false
    package var optionClientKeepAlive = false
    package var optionServerKeepAlive = false
    /// `option redispatch [N]`: nil off; negative: every N-th retry from the last, -1 is the default.
    package var redispatch: Int?
    package var retries = 3
    package var timeouts = Timeouts()
    package var disabled = false

    package init(kind: Kind, name: String, location: SourceLocation) {
        self.kind = kind
        self.name = name
        self.location = location
    }
}

/// `use_backend NAME [if …]`.
package struct BackendChoice: Equatable, Sendable {
    package var backend: String
    /// Nil: always.
    package var condition: Condition?
    package var location: SourceLocation

    package init(backend: String, condition: Condition?, location: SourceLocation) {
        self.backend = backend
        self.condition = condition
        self.location = location
    }
}

/// `timeout …` of one proxy; nil: not given.
package struct Timeouts: Equatable, Sendable {
    package var connect: Duration?
    package var client: Duration?
    package var server: Duration?
    /// Nil: as `connect`.
    package var queue: Duration?
    package var check: Duration?
    package var tunnel: Duration?
    package var clientFin: Duration?
    package var serverFin: Duration?

    package init() {}
}

/// One address of a `bind` line, or of a `listen` line as HAProxy 1.4 had it.
package struct BindAddress: Hashable, Sendable {
    package enum Endpoint: Hashable, Sendable {
        case ip(IPAddress, port: UInt16)
        case unix(path: String)
        /// `fd@N`: a socket that is listening already.
        case descriptor(Int32)
    }

    package var endpoint: Endpoint
    package var interface: String?
    package var backlog: Int?
    package var maxconn: Int?
    package var transparent = false
    package var deferAccept = false
    package var acceptProxy = false
    package var onlyIPv6 = false
    package var name: String?
    /// Of a Unix socket's file.
    package var permissions = SocketPermissions()
    package var location: SourceLocation

    package init(endpoint: Endpoint, location: SourceLocation) {
        self.endpoint = endpoint
        self.location = location
    }
}

/// `mode`, `user`, `uid`, `group` and `gid` of a Unix socket that is bound (§5.1); nil: as the system makes it.
package struct SocketPermissions: Hashable, Sendable {
    package var mode: UInt32?
    package var user: String?
    package var uid: UInt32?
    package var group: String?
    package var gid: UInt32?

    package init() {}
}

/// The server that a `track` names.
package struct TrackedServer: Equatable, Sendable {
    package var backend: String
    package var server: String

    package init(backend: String, server: String) {
        self.backend = backend
        self.server = server
    }
}

/// A `server` line with its `default-server` already applied (§5.2).
package struct ServerLine: Equatable, Sendable {
    package enum Host: Equatable, Sendable {
        case address(IPAddress)
        /// Looked up by the system's resolver; unresolved is DOWN and tried again, not fatal.
        case name(String)
    }

    /// `init-state` of HAProxy 3.1: what a server with `check` starts as.
    package enum InitialState: String, CaseIterable, Sendable {
        case fullyUp = "fully-up"
        /// A first failure takes it down.
        case up
        /// A first success takes it up.
        case down
        case fullyDown = "fully-down"
    }

    /// `on-error`: what the error limit does.
    package enum OnError: String, CaseIterable, Sendable {
        case fastInterval = "fastinter"
        case failCheck = "fail-check"
        case suddenDeath = "sudden-death"
        case markDown = "mark-down"
    }

    package enum PortRule: Equatable, Sendable {
        case fixed(UInt16)
        /// The port that the client connected to, plus an offset (`server s 10.0.0.1:+0`, or none written).
        case client(offset: Int32)
    }

    package var name: String
    package var host: Host
    package var port: PortRule
    package var checked = false
    /// Nil: as fixed port above.
    package var checkPort: UInt16?
    package var checkAddress: IPAddress?
    package var interval: Duration = .seconds(2)
    /// Nil: as `interval`.
    package var fastInterval: Duration?
    package var downInterval: Duration?
    package var rise = 2
    package var fall = 3
    /// 0 to 256.
    package var weight = 1
    package var backup = false
    package var disabled = false
    /// 0: no limit.
    package var maxconn = 0
    package var minconn = 0
    package var maxqueue = 0
    package var shutdownSessionsWhenDown = false
    package var shutdownBackupSessionsWhenUp = false
    package var sendProxyVersion: Int?
    /// `check-send-proxy`: checks send the header whatever their port; nil: only where clients go.
    package var checkSendProxy: Bool?
    /// The PROXY header that a check sends; nil: none.
    package var checkHeaderVersion: Int? {
        let isUsual = sendProxyVersion != nil && checkPort == nil && checkAddress == nil
        return checkSendProxy ?? isUsual ? sendProxyVersion ?? 1 : nil
    }
    package var source: IPAddress?
    package var slowStart: Duration = .zero
    /// `id`; nil: its place in the backend, from 1.
    package var id: Int?
    package var initialState: InitialState = .up
    /// `observe layer4`: failures of real connections count.
    package var observes = false
    /// `error-limit`: so many in a row.
    package var errorLimit = 10
    package var onError: OnError = .failCheck
    /// `track [BACKEND/]SERVER`: the server whose state is this one's, too.
    package var tracked: TrackedServer?
    /// An address in `init-addr`: where the server is until its name resolves.
    package var initialAddress: IPAddress?
    /// `resolve-prefer`; nil: the first address that the system's resolver gives.
    package var preferredFamily: AddressFamily?
    /// `server-template`: servers of one name have an address each.
    package var isOfTemplate = false
    /// `resolvers`: how often its name is looked up again while it is up; nil: it is not.
    package var resolvePeriod: Duration?
    package var location: SourceLocation

    package init(name: String, host: Host, port: PortRule, location: SourceLocation) {
        self.name = name
        self.host = host
        self.port = port
        self.location = location
    }
}
