"""How a simulated firewall shows its jobs (fact sheet PAN-OS §9)."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

from paloaltofw.sandbox.firewall import Firewall, Job


def job_element(job: Job, firewall: Firewall) -> Element:
    """A job as `show jobs` has it: running ones are ACT or PEND with a result PEND."""
    now = firewall.clock.now()
    is_done = job.result != "PEND"
    is_active = not is_done and now >= job.starts
    passed = (now - job.starts).total_seconds()
    percent = 100 if is_done else min(99, max(0, int(100 * passed / job.duration))) if job.duration else 0
    waiting = [other for other in firewall.jobs if other.result == "PEND" and now < other.starts]
    element = Element("job")
    for tag, text in {
        "tenq": f"{job.enqueued:%Y/%m/%d %H:%M:%S}",
        "tdeq": f"{job.starts:%H:%M:%S}",
        "id": str(job.id),
        "user": job.user,
        "type": job.kind,
        "status": "FIN" if is_done else "ACT" if is_active else "PEND",
        "queued": "NO" if is_done or is_active else "YES",
        "stoppable": "no" if is_done else "yes",
        "result": job.result,
        "tfin": f"{job.ends:%Y/%m/%d %H:%M:%S}" if is_done else "Still Active",
        "description": job.description,
        "positionInQ": str(waiting.index(job) + 1) if job in waiting else "0",
        "progress": str(percent),
    }.items():
        SubElement(element, tag).text = text
    details = SubElement(element, "details")
    for line in job.details:
        SubElement(details, "line").text = line
    SubElement(element, "warnings")
    return element
