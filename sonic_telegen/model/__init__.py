"""The nouns: what was asked (job), exists (kernel), changes (action), is told (status), was counted (sample).

Frozen values of the standard library only: no I/O, no clock, nothing imported from the other rooms.
"""
