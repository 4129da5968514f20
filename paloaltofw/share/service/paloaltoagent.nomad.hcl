# The nightly run as a periodic batch job: nomad job run paloaltoagent.nomad.hcl; now: nomad job periodic force paloaltoagent
# On the client: host volumes `paloaltoagent-config` (config.yaml and the folders of profiles) and `paloaltoagent-state`,
# both of user 10001. In config.yaml: state.path /state/agent, logging.path /state/logs,
# scm.credentials /secrets/sectigo_credentials.yaml.
# In Nomad's variables: nomad var put nomad/jobs/paloaltoagent credentials=@profiles/sectigo_credentials.yaml
job "paloaltoagent" {
  type = "batch"

  periodic {
    crons            = ["@MINUTE@ @HOUR@ * * *"]
    prohibit_overlap = true
  }

  group "agent" {
    # The next night goes on; a repeated run at once would meet the same trouble.
    restart {
      attempts = 0
      mode     = "fail"
    }
    reschedule {
      attempts  = 0
      unlimited = false
    }

    volume "config" {
      type      = "host"
      source    = "paloaltoagent-config"
      read_only = true
    }
    volume "state" {
      type   = "host"
      source = "paloaltoagent-state"
    }

    task "run" {
      driver       = "docker"
      user         = "10001:10001"
      kill_signal  = "SIGTERM"
      kill_timeout = "30s"

      config {
        image           = "registry.example.com/paloaltoagent:@VERSION@"
        entrypoint      = ["/bin/sh", "-c"]
        args            = ["exec /bin/sh /local/run.sh"]
        readonly_rootfs = true
        cap_drop        = ["all"]
        mount {
          type   = "tmpfs"
          target = "/tmp"
        }
      }

      # Exit code 3 (orders are pending) is no failure, and Nomad knows only 0. The shell hands a stop on.
      template {
        destination = "local/run.sh"
        perms       = "0444"
        data        = <<RUN
@WRAPPER@
RUN
      }

      template {
        destination = "secrets/sectigo_credentials.yaml"
        perms       = "0400"
        uid         = 10001
        gid         = 10001
        data        = <<CREDENTIALS
{{ with nomadVar "nomad/jobs/paloaltoagent" }}{{ .credentials }}{{ end }}
CREDENTIALS
      }

      volume_mount {
        volume      = "config"
        destination = "/config"
        read_only   = true
      }
      volume_mount {
        volume      = "state"
        destination = "/state"
      }

      resources {
        cpu    = 200
        memory = 256
      }
    }
  }
}
