package import Primitives
package import VRRP

/// All of a keepalived.conf that Tandem acts on.
package struct KeepalivedConfiguration: Equatable, Sendable {
    package var scripts: [CheckScript]
    package var routers: [RouterSettings]
    /// Notify programs of routers, by the name of the router.
    package var notifications: [String: NotifyPrograms]
    /// Where each router's block begins, by the name of the router.
    package var routerLocations: [String: SourceLocation] = [:]
    /// By router: where the weight stands that counts for a track, or else the track.
    package var trackLocations: [String: [Track.Subject: SourceLocation]] = [:]
    /// Routers of `state MASTER`.
    package var masters: Set<String> = []
    package var tandem: TandemSettings
    package var groups: [SyncGroup] = []
    package var processes: [TrackedProcess] = []
    package var files: [TrackedFile] = []
    package var global = GlobalSettings()

    package init(
        scripts: [CheckScript] = [],
        routers: [RouterSettings] = [],
        notifications: [String: NotifyPrograms] = [:],
        tandem: TandemSettings = TandemSettings()
    ) {
        self.scripts = scripts
        self.routers = routers
        self.notifications = notifications
        self.tandem = tandem
    }
}

/// A `vrrp_script` block.
package struct CheckScript: Equatable, Sendable {
    package var name: String
    /// The program and its arguments, split as keepalived splits them: no shell.
    package var arguments: [String]
    /// True if it only asks whether a process named haproxy exists: the proxy's health answers for it.
    package var asksForProxyProcess: Bool
    package var interval: Duration
    /// Zero: the interval.
    package var timeout: Duration
    /// -253 to 253; what `track_script` uses when it names no weight of its own.
    package var weight: Int
    package var reversed: Bool
    /// Successes that make a failed check good; at least 1.
    package var rise: Int
    /// Failures that make a good check failed; at least 1.
    package var fall: Int
    /// `init_fail`: starts as failed.
    package var startsFailed: Bool
    /// `user USER [GROUP]` of the script, else `script_user`, else `keepalived_script` where it exists.
    package var user: String?
    package var group: String?
    package var location: SourceLocation

    package init(
        name: String,
        arguments: [String],
        asksForProxyProcess: Bool = false,
        interval: Duration = .seconds(1),
        timeout: Duration = .zero,
        weight: Int = 0,
        reversed: Bool = false,
        rise: Int = 1,
        fall: Int = 1,
        startsFailed: Bool = false,
        user: String? = nil,
        group: String? = nil,
        location: SourceLocation
    ) {
        self.name = name
        self.arguments = arguments
        self.asksForProxyProcess = asksForProxyProcess
        self.interval = interval
        self.timeout = timeout
        self.weight = weight
        self.reversed = reversed
        self.rise = rise
        self.fall = fall
        self.startsFailed = startsFailed
        self.user = user
        self.group = group
        self.location = location
    }
}

/// One notify program and who runs it.
package struct NotifyProgram: Equatable, Sendable {
    /// The program and what stands behind it.
    package var arguments: [String]
    /// Its own user, else `script_user`; nil: what scripts run as by default.
    package var user: String?
    /// Nil: the user's own.
    package var group: String?
}

/// The notify programs of a router or a group (keepalived.conf(5)).
package struct NotifyPrograms: Equatable, Sendable {
    package var master: NotifyProgram?
    package var backup: NotifyProgram?
    package var fault: NotifyProgram?
    package var stop: NotifyProgram?
    /// Called for every state with `INSTANCE NAME STATE PRIORITY` appended.
    package var any: NotifyProgram?
    /// `notify_deleted`: a reload removed the router. Without a program the word DELETED still takes the
    /// place of FAULT in what the others are told.
    package var deleted: NotifyProgram?
    package var saysDeleted = false
    /// `notify_master_rx_lower_pri`: a MASTER heard a rival of lower priority.
    package var rivalHeard: NotifyProgram?

    package init() {}

    /// All that may be run, without what is appended.
    package var commands: [[String]] { all.map(\.arguments) }

    var all: [NotifyProgram] {
        [master, backup, fault, stop, any, deleted, rivalHeard].compactMap(\.self)
    }

    /// Gives a user to the programs that name nobody.
    mutating func setDefaultUser(_ user: String, group: String?) {
        func owned(_ program: NotifyProgram?) -> NotifyProgram? {
            guard var program, program.user == nil else { return program }
            (program.user, program.group) = (user, group)
            return program
        }
        master = owned(master)
        backup = owned(backup)
        fault = owned(fault)
        stop = owned(stop)
        any = owned(any)
        deleted = owned(deleted)
        rivalHeard = owned(rivalHeard)
    }
}

/// The `tandem { … }` block; every value is optional in the file.
package struct TandemSettings: Equatable, Sendable {
    package enum TakeoverAction: String, Sendable, CaseIterable {
        case refresh
        case reload
        case restart
    }

    package enum NoServersAction: String, Sendable, CaseIterable {
        case ignore
        case degrade
    }

    package var proxyWatchdog: Duration = .seconds(1)
    package var restartLimit: Int = 3
    package var restartWindow: Duration = .seconds(30)
    package var restartGrace: Duration = .seconds(1)
    package var fatalRetry: Duration = .seconds(30)
    package var leaseGrace: Duration = .seconds(5)
    /// Whole seconds; zero: addresses without a lifetime.
    package var vipLease: Duration = .seconds(2)
    package var onTakeover: TakeoverAction = .refresh
    package var onNoServers: NoServersAction = .ignore
    package var failoverHold: Duration = .seconds(5)

    package init() {}
}
