import ArgumentParser
import ControlClient
import Glibc

let arguments = Array(CommandLine.arguments.dropFirst())
exit(Tandemctl.perform(arguments))
