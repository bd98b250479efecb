/// What `MESSAGE_ID=` says of a log line: the kinds of event that a watcher may wait for, and that the catalog
/// (packaging/tandem.catalog) explains. An id never changes its meaning and is never used again.
package enum MessageID: String, CaseIterable, Sendable {
    case becameMaster = "48b57555507b4102a663a9c9d4810d64"
    case becameBackup = "e9fc3c35a3cb439bb0f15dfe38d9a96e"
    case becameFault = "a5fb7b47dcab42b38299d19e2ab9d9a3"
    /// The supervisor took this node out of the role of MASTER for a fault of its proxy.
    case steppedDown = "5f211c3576b64576812f5f2828354120"
    /// The same, because an operator asked.
    case operatorFailover = "50f57355cdee47d8ac09ca5a592802d6"
    /// A fault for which stepping down was of no use: nobody else wanted the addresses.
    case keptDespiteFault = "f1592e060f484960a0f06a2ed5b38b6c"
    /// Another node says that it is MASTER while this one is.
    case rivalHeard = "3cbad47be78e4ced82b65153fe6c5636"
    /// Neither a peer nor the gateway is heard: the node claims nothing.
    case claimWithheld = "abaa31a9ea4146d1a5c3fd37ca4ffdaf"
    /// Somebody else removed an address of a MASTER.
    case addressRestored = "88b0af094d7945f6bc62d89f6c08a291"
    /// A process exists and does not work.
    case processHung = "5d6718a0e4ea4111a35cb6da76c2c73a"
    /// A process died, or did not become ready, and is started again.
    case processRestarted = "fb8ae6a757bc499cbd73433e2fe3d0ce"
    /// A process that can't be restarted.
    case processFatal = "50010c99673c4bb5ba0c554c6e69086e"
    /// No lease of a supervisor: the node stands with priority 1.
    case lastResort = "96fb302a70474556acf08a8e6a78e4a7"
    /// No server of the proxy is up.
    case noServers = "0ca1f50e24424bb4adf459e83dfb6a32"
    /// A configuration with errors, at the start or at a reload.
    case configurationRefused = "d5dc175617d942f28651ab660ef182d2"
    /// A check of keepalived.conf changed to failing.
    case checkFailed = "489edf10fdf445279276415fcb77b99d"
}
