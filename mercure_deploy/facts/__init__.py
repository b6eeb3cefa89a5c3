"""What hubs, browsers and other programs do, as code without files, network and clock; no opinion about a spec."""
