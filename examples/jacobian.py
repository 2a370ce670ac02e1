"""A Jacobian: Gauss-Newton steps bring the hand of a robot arm with five joints to a target.

The hand's position is three numbers, the joints are five: the Jacobian is 3 x 5, and each step
solves for the smallest change of the joints that moves the hand as wanted.
"""

from __future__ import annotations

import numpy as np

import tapejit as tj

LENGTHS = np.array([0.6, 0.5, 0.4, 0.3, 0.2])


def hand(joints):
    """Return where the hand is: a turn about the vertical, then four links in a plane."""
    heading, bends = joints[0], np.cumsum(joints[1:])
    reach = LENGTHS[0] + np.sum(LENGTHS[1:] * np.cos(bends))
    height = np.sum(LENGTHS[1:] * np.sin(bends))
    return np.stack([reach * np.cos(heading), reach * np.sin(heading), height])


jacobian = tj.jacobian(hand)
joints = np.full(5, 0.2)
target = np.array([0.9, 0.9, 0.9])

for step in range(20):
    miss = target - hand(joints)
    print(f"step {step:2d}   distance {np.linalg.norm(miss):.2e}")
    if np.linalg.norm(miss) < 1e-12:
        break
    J = jacobian(joints)
    joints = joints + np.linalg.pinv(J) @ miss

assert J.shape == (3, 5)
assert np.allclose(hand(joints), target, atol=1e-12)
h = 1e-6 * np.eye(5)
differences = np.stack([(hand(joints + e) - hand(joints - e)) / 2e-6 for e in h], axis=1)
assert np.allclose(jacobian(joints), differences, atol=1e-8)
